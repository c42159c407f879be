//! map
pub mod archive;
pub mod bytes;
pub mod cleanup;
pub mod cli;
pub mod config;
pub mod error;
pub mod exit;
pub mod fastflow;
pub mod flow;
pub mod ledger;
pub mod lock;
pub mod plan;
pub mod printable;
pub mod run;
pub mod time;
