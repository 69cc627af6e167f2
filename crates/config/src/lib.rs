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
mod keys;
mod located;
mod mask;
mod model;
mod read;
mod script;
mod source;
mod text;
mod unit;

pub use config::Config;
use config::LARGEST;
pub use error::{Error, Kind, Mistake};
pub use keys::Keys;
pub use located::{Located, Span};
pub use model::aggregate::Aggregate;
pub use model::all_fields::AllFields;
pub use model::batch::{Batch, Transaction};
pub use model::database::DatabaseName;
pub use model::decoding::{Decoding, Subject, Unwrap};
pub use model::format::{Format, PublishFormat};
pub use model::function::{Function, Quantile};
pub use model::groups::{AggregatesTable, Ownership, SOURCE_PARTITION};
pub use model::ingest::{Evolve, Ingest, OnError, OnGap};
pub use model::kafka::Kafka;
pub use model::mapping::{Mapping, Mask};
pub use model::publish::{
    Beat, Compatible, CreateTopics, Envelope, OnIncompatibleSchema, Publish, Route, Selection, Snapshot,
    Start, Timestamps,
};
pub use model::registry::Registry;
pub use model::rows::{Mode, RowsTable};
pub use model::spanner::Spanner;
pub use model::table::{IngestTable, IngestTransaction, Tombstones};
pub use model::telemetry::{LogFormat, Telemetry};
pub use model::template::Template;
pub use model::topics::Topics;
pub use model::version::Version;
pub use model::window::{Late, Window, WindowKind};
pub use script::Script;
pub use text::Text;
pub use unit::{parse_duration, parse_size};
