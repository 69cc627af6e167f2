//! The binary `spanbridge`: commands, wiring, exit codes; and the demo, which starts real parts, runs both services on
//! them, and checks what came out.
//!
//! What the demo checks with is public, for the end-to-end tests: [`oracle`] reads a change stream again from its start,
//! [`published`] reads what came to Kafka, [`rows`] and [`exactly_once`] compare them, [`positions`] shows how far
//! ingest has come, and [`worker`] runs a service as a child process that can be killed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ancestry;
pub mod change;
pub mod connections;
pub mod demo;
mod error;
pub mod exactly_once;
pub mod oracle;
pub mod positions;
pub mod published;
pub mod rows;
pub mod worker;

pub use error::{Error, Kind, Result};
