//! `spanbridge demo`: starts Kafka, a Spanner emulator and a registry, runs both services on real data, and checks the
//! results.
//!
//! [`run()`] is the whole command; the command-line crate calls it and maps its [`Error`] to an exit code. The demo starts
//! the services as child processes of the same binary, and judges them from outside with `spanbridge-verify`. It must
//! never use code of `spanbridge-ingest` or `spanbridge-publish`.
//!
//! `scenario` tells what happens in which order, `driver` produces the load and kills workers, `evidence` reads the results,
//! `checks` compares them, and `report` prints them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod checks;
mod configuration;
mod database;
mod driver;
mod environment;
mod error;
mod evidence;
mod expected_rows;
mod figures;
mod fleet;
mod flight_producer;
mod flights;
mod kill_plan;
mod latency;
mod options;
mod outcome;
mod progress_monitor;
mod report;
mod resource_names;
mod run;
mod scenario;
mod screen;

pub use error::{Error, ErrorKind, Result};
pub use options::Options;
pub use run::run;
/// The error of the crate that checks the results; see [`Error::Verify`].
pub use spanbridge_verify::Error as VerifyError;
