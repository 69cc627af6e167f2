//! The bridge's configuration: one TOML file for both services.
//!
//! [`Config::load`] reads and validates it. Every mistake is an [`Error`] with file, line, column, a
//! stable code and what would be right; independent mistakes are reported together. What a service
//! finds out later (an unknown column, a CEL syntax error) goes through [`Config::error_at`], so that it
//! points into the file just the same.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod config;
mod error;
mod located;
mod mask;
mod model;
mod read;
mod source;
mod text;
mod unit;

pub use config::Config;
pub use error::{Error, Kind, Mistake};
pub use located::{Located, Span};
pub use model::aggregate::{Aggregate, Function};
pub use model::batch::{Batch, Transaction};
pub use model::database::DatabaseName;
pub use model::format::{KeyFormat, PublishFormat, Subject, ValueFormat};
pub use model::ingest::{Ingest, OnError, OnGap};
pub use model::kafka::Kafka;
pub use model::publish::{CreateTopics, Envelope, OnIncompatibleSchema, Publish, Snapshot, Start};
pub use model::registry::Registry;
pub use model::spanner::Spanner;
pub use model::table::{
    AggregatesTable, IngestTable, Mapping, Mode, Ownership, RowsTable, SOURCE_PARTITION, Tombstones,
};
pub use model::telemetry::{LogFormat, Telemetry};
pub use model::template::Template;
pub use model::window::{Late, Window, WindowKind};
pub use text::Text;
pub use unit::{parse_duration, parse_size};
