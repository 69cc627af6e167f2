//! The envelope of Debezium's Spanner connector: field for field, in order, with its names, types,
//! nesting and optional fields.
//!
//! Source: records of Debezium 3.7 (tests/debezium-samples), its `Envelope` and
//! `SpannerSourceInfoStructMaker`.

mod connect_json;
mod envelope;
mod event;
mod schema;
mod source;

pub use connect_json::unwrap as unwrap_json;
pub use envelope::{Envelope, Op, Transaction};
pub use event::{Event, Operation, unwrap};
pub use schema::EnvelopeSchema;
pub use source::Source;
