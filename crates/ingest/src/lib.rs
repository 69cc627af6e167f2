//! `spanbridge ingest`: Kafka topics to Spanner tables, exactly once.
//!
//! A shell: what exactly-once depends on is decided by [`spanbridge_protocol::ingest::Worker`],
//! which this crate feeds with records and answers, and whose effects it carries out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
mod context;
mod error;
mod fields;
mod finality;
mod live;
mod log;
mod mapping;
mod pipeline;
pub mod plan;
mod policy;
mod schemas;
mod signature;
pub mod version;

pub use context::Context;
pub use error::{Error, ErrorKind};
pub use live::Live;
pub use mapping::decoder;
pub use pipeline::run;
