//! Debezium's change events: [`ChangeEvent`] reads them for ingest, [`Envelope`] writes them for publish.
//!
//! - Reading accepts the events of every Debezium connector, with and without the schema of Connect's JSON converter.
//! - Writing reproduces the envelope of Debezium's Spanner connector: the same fields in the same order, with the same
//!   names, types, nesting and optionality. A test compares it with recorded samples.
//!
//! Source: records of Debezium 3.7 (`tests/debezium-samples`), its classes `Envelope` and
//! `SpannerSourceInfoStructMaker`, and
//! <https://debezium.io/documentation/reference/stable/connectors/spanner.html#spanner-change-event-values>.

mod change_event;
mod connect_json;
mod envelope;
mod envelope_schema;
mod source_info;
mod wrapper;

pub use change_event::{ChangeEvent, RowOperation};
pub use connect_json::{apply_connect_schema, unwrap_connect};
pub use envelope::{Envelope, Operation, TransactionBlock};
pub use envelope_schema::EnvelopeSchema;
pub use source_info::SourceInfo;
pub use wrapper::Wrapper;
