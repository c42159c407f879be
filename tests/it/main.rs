//! The integration tests: the real binary, a fresh instance each, a real S3 server.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod archive;
mod configuration;
mod fault_server;
mod faults;
mod guards;
mod harness;
mod host;
mod interruption;
mod layering;
mod mail;
mod monitoring;
mod notification;
mod output;
mod population;
mod refusal;
mod smtp_server;
mod soak;
mod teams;
mod truncation;
mod webhook_server;
