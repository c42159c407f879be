//! The integration tests: the real binary, a fresh instance each, a real S3 server.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod archive;
mod columns;
mod configuration;
mod crashes;
mod damaged;
mod doctor;
mod fault_server;
mod faults;
mod generated;
mod guards;
mod harness;
mod host;
mod hostile;
mod interruption;
mod invariants;
mod layering;
mod ledger;
mod live_writer;
mod mail;
mod mistakes;
mod monitoring;
mod notification;
mod output;
mod population;
#[cfg(feature = "test-postgres")]
mod postgres;
#[cfg(feature = "test-postgres")]
mod postgres_ledger;
mod refusal;
mod requests;
mod restore;
mod secrets;
mod shells;
mod smtp_server;
mod soak;
mod swapped;
mod teams;
mod truncation;
mod verify;
mod webhook_server;
