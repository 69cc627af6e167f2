//! The configuration of the bridge: one TOML file for both services.
//!
//! [`Config::load`] reads and validates the file. Every mistake is an [`Error`] with file, line, column, a
//! stable code and a help text; independent mistakes are reported together. A mistake that a service finds
//! later (an unknown column, a CEL syntax error) goes through [`Config::error_at`], so that it points into
//! the file as well.
//!
//! The file passes through three stages: `read` turns the TOML tree into typed values, `model` holds one
//! struct for each section, and `consistency` compares the entries with each other. This crate never connects
//! to anything; it reads only the file, environment variables, and files that the configuration references.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod consistency;
mod credentials;
mod error;
mod key_spans;
mod located;
mod model;
mod read;
mod script;
mod secrets;
mod source_file;
mod text;
mod unit;

pub use config::Config;
use config::MAX_FILE_BYTES;
pub use error::{Error, ErrorKind, Mistake};
pub use key_spans::KeySpans;
pub use located::{Located, Span};
pub use model::aggregate::Aggregate;
pub use model::aggregates_table::{AggregatesTable, Ownership, SOURCE_PARTITION};
pub use model::all_fields::AllFields;
pub use model::commit_limits::{BatchLimits, TransactionLimits};
pub use model::database::DatabaseName;
pub use model::dead_letters::{DeadLetterKey, DeadLetterPayload};
pub use model::decoding::{BareBytes, Decoding, Unwrap};
pub use model::format::{Format, PublishFormat};
pub use model::function::{Function, Quantile};
pub use model::ingest::{Evolve, Ingest, OnError, OnGap};
pub use model::ingest_table::IngestTable;
pub use model::kafka::Kafka;
pub use model::listen::Listen;
pub use model::mapping::{Mapping, Mask};
pub use model::oauth::{OAuth, OAuthProvider, Oidc};
pub use model::publish::{
    Compatibility, CreateTopics, Envelope, ExistingTopics, OnIncompatibleSchema, PeriodicTopic, Publish,
    PublishStart, RecordTimestamp, Route, Selection, Snapshot, TimestampEncoding,
};
pub use model::registry::{Registry, RegistryAuthentication, RegistryCertificate};
pub use model::rows_table::{RowsTable, WriteMode};
pub use model::spanner::Spanner;
pub use model::spanner_requests::{
    SpannerClientCertificate, SpannerDirectedRead, SpannerPriority, SpannerTimeouts,
};
pub use model::subject::SubjectStrategy;
pub use model::table_keys::{IngestTransaction, Tombstones};
pub use model::telemetry::{LogFormat, Telemetry, TelemetryTls};
pub use model::template::Template;
pub use model::topics::Topics;
pub use model::version::Version;
pub use model::window::{LatePolicy, Window, WindowKind};
pub use script::Script;
pub use text::Text;
pub use unit::{parse_duration, parse_size};
