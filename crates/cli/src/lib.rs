//! The command line of Spanbridge: parses arguments and the configuration file, connects to Kafka, Spanner and the
//! registry, calls the libraries, prints the results, and maps errors to exit codes.
//!
//! `command` has the grammar and calls the command; each command has its arguments in its own module. `connections`
//! translates the configuration into clients, `error` has the exit codes. The crate has no logic of ingest or publish, and
//! never reads or writes their tables and topics directly.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod command;
mod confirmation;
mod connections;
mod dead_letters;
mod error;
mod migrate;
mod pipeline_selection;
mod plan;
mod positions;
mod replay;
mod service;
mod signals;
mod snapshot;

use std::process::ExitCode;

/// Runs the command that the process arguments name, and returns its exit code.
///
/// Prints errors on standard error. Wrong usage exits the process with code 2.
#[must_use]
pub fn run() -> ExitCode {
    command::run()
}
