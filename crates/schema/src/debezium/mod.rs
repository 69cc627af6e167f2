//! The envelope of Debezium's Spanner connector: field for field, in order, with its names, types,
//! nesting and optional fields.
//!
//! Source: records of Debezium 3.7 (tests/debezium-samples), its `Envelope` and
//! `SpannerSourceInfoStructMaker`.

mod envelope;
mod schema;
mod source;

pub use envelope::{Envelope, Op, Transaction};
pub use schema::EnvelopeSchema;
pub use source::Source;
