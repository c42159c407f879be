//! The integration tests: the real binary, a fresh instance each, a real S3 server.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod archive;
mod configuration;
mod crashes;
mod fault_server;
mod faults;
mod guards;
mod harness;
mod host;
mod interruption;
mod invariants;
mod layering;
mod ledger;
mod live_writer;
mod output;
mod population;
mod refusal;
mod soak;
mod truncation;
