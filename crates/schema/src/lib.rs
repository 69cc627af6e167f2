//! Schemas and values: the schema registry, the formats of Kafka keys and values, and their conversion to and
//! from Spanner columns.
//!
//! ```text
//! ingest    Kafka bytes ──▶ Decoder ──▶ Datum ──▶ convert::to_spanner ──▶ Spanner value
//!                              │          ┆
//!                           Registry    Shape ──▶ convert::check_fit (before the first record)
//!                              │
//! publish   Kafka bytes ◀── Encoder ◀── FieldValue ◀── RowSchema, Envelope ◀── Spanner row
//! ```
//!
//! The way in:
//! - [`frame`] splits Confluent's wire format into a schema id and a payload.
//! - [`Registry`] returns the schema of an id, parsed and cached.
//! - [`Decoder`] turns the bytes of any [`Format`] into a [`Datum`]. It is safe against hostile bytes.
//! - [`Shape`] is the static type of a datum, read from a schema of any language.
//! - [`convert`] turns a datum into the value of a Spanner column, only without loss.
//! - [`debezium::ChangeEvent`] reads the row and the operation out of a Debezium envelope.
//!
//! The way out:
//! - [`RowSchema`] derives a [`RecordDefinition`] from a Spanner table; [`debezium::EnvelopeSchema`] and
//!   [`auxiliary_topics`] define the other published records.
//! - [`Encoder`] writes the schema of a record definition in the language of an [`Encoding`], and the record's
//!   [`FieldValue`]s as bytes.
//! - [`evolve`] adapts a record definition to the schema that the registry already has.
//!
//! The modules `avro`, `json`, `json_schema` and `protobuf` hold everything that belongs to one language. Each has
//! the same files where it needs them: `decode`, `encode`, `definition` (the text of a published schema), `shape`,
//! `converter` (library values to datums) and `bounds` (limits of a payload, checked before it is decoded).
//!
//! This crate does not read or write Kafka or Spanner, and it does not retry: [`ErrorKind`] says what a caller may
//! conclude. No error message contains the content of a record or a secret.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod auxiliary_topics;
mod avro;
pub mod convert;
pub mod datum;
pub mod debezium;
mod decode;
mod definition;
mod encode;
mod error;
mod evolution;
pub mod frame;
mod json;
mod json_schema;
mod language;
mod limits;
mod protobuf;
mod reference;
mod registry;
mod registry_schema;
mod row_schema;
mod semantic_type;
pub mod shape;

pub use avro::{AvroSchema, BareBytes, decode as decode_avro, encode as encode_avro};
pub use datum::Datum;
#[doc(hidden)]
pub use decode::fuzz;
pub use decode::{DecodedPayload, Decoder, Format, SchemaHeader, WriterSchema};
pub use definition::{FieldValue, RecordDefinition, TimestampEncoding, TypeMapping};
pub use encode::{Encoder, Encoding};
pub use error::{Error, ErrorKind, Incompatibility};
pub use evolution::evolve;
pub use json_schema::JsonSchema;
pub use language::Language;
pub use limits::Limits;
pub use protobuf::{MessageType, ProtobufSchema};
pub use registry::{Authentication, Compatibility, RegisteredAvroSchema, Registry, RegistryOptions};
pub use registry_schema::RegistrySchema;
pub use row_schema::{RowColumn, RowImage, RowSchema};
pub use shape::Shape;

/// The result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;
