//! `spanbridge ingest`: Kafka topics to Spanner tables, exactly once.
//!
//! [`spanbridge_protocol::ingest::Worker`] decides everything that exactly-once depends on. This crate feeds it with
//! records and answers and carries out its effects.
//!
//! ```text
//! pipeline/       runs one pipeline: the driver loop, requests to Spanner and Kafka, metrics, traces
//! mapping/        compiles the file's tables and maps records to changes
//! finality/       follows the watermark and sets `final` columns
//! dead_letters/   lists, deletes and replays dead letters
//! version/        versions of a pipeline side by side: `spanbridge replay`
//! set_position    `spanbridge positions set`: an operator sets the position of a partition
//! stored_position the columns of a position
//! check/          `spanbridge check`: a pipeline against live systems, before it runs
//! plan/           `spanbridge plan`: the DDL that a pipeline needs
//! fields/         `"*"`: the fields of a record, each for the column of its name
//! schemas/        the registered schemas of a pipeline's keys and values
//! ddl/            DDL text
//! record_digest   the digest by which a position recognises its log
//! policy          what is done about each kind of error
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bare_path;
pub mod check;
mod commit_tagger;
mod ddl;
pub mod dead_letters;
mod environment;
mod error;
mod fields;
mod finality;
mod mapping;
mod partition_log;
mod pipeline;
pub mod plan;
mod policy;
mod record_digest;
mod schemas;
pub mod set_position;
mod stored_position;
pub mod version;

pub use environment::Environment;
pub use error::{Error, ErrorKind};
pub use pipeline::run;
