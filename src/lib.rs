//! Archives finished Fast-Flow runs to S3, proves that they arrived, and only then deletes them.
//!
//! The way of a run through the house, top to bottom; each room imports from those above it only:
//!
//! 1. [`run`], [`time`], [`bytes`], [`error`], [`printable`], [`folder`], [`mount`], [`lock`], [`fail_point`]: the ground floor
//! 2. [`cli`]: what was typed
//! 3. [`config`]: flags, Settings page, environment, `.env` -> one resolved value
//! 4. [`fastflow`]: the host: its database and its log directory
//! 5. [`plan`]: what is due, why, and what must stop us
//! 6. [`archive`]: objects, digests, proof
//! 7. [`ledger`]: the record of what was done
//! 8. [`cleanup`]: spends proofs
//! 9. [`flow`]: the loop that `backup` and `cleanup` share
//! 10. [`check`]: the archive against receipts and manifests, and brought back
//! 11. [`doctor`]: how an instance stands
//! 12. [`exit`], [`report`]: what operators and scripts see
//! 13. [`notify`]: what people and monitoring are told
//! 14. [`app`]: the subcommands
//!
//! The library exists for the binary, its tests and the demo; only the command line is a stable interface.

pub mod app;
pub mod archive;
pub mod bytes;
pub mod check;
pub mod cleanup;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod error;
pub mod exit;
pub mod fail_point;
pub mod fastflow;
pub mod flow;
pub mod folder;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod ledger;
pub mod lock;
pub mod mount;
pub mod notify;
pub mod plan;
pub mod printable;
pub mod report;
pub mod run;
pub mod time;

pub use app::main_with;
