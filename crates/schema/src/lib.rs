//! Schemas and values: the schema registry, Confluent's wire format, the formats of keys and values,
//! and what a Spanner table looks like in Avro.
//!
//! - [`Registry`]: the registry's schemas, parsed and cached.
//! - [`frame`]: Confluent's wire format.
//! - [`Decoder`]: bytes of any [`Format`] to a [`Datum`], safe against hostile bytes.
//! - [`Shape`]: what a schema says of its values, in whichever language.
//! - [`convert`]: a datum to a value of a Spanner column, without loss.
//! - [`mod@derive`] and [`debezium`]: [`Record`]s of a Spanner table and of Debezium's envelope, and
//!   envelopes back to rows.
//! - [`auxiliary_topics`]: records of the topics beside the data.
//! - [`Encoder`]: rows and envelopes to bytes of any [`Encoding`], with the schema to register.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod auxiliary_topics;
mod connect;
pub mod convert;
pub mod datum;
pub mod debezium;
mod decode;
mod definition;
pub mod derive;
pub mod encode;
mod error;
pub mod frame;
mod json_schema;
mod layout;
mod name;
mod protobuf;
mod registry;
mod schema;
pub mod shape;

pub use datum::Datum;
#[doc(hidden)]
pub use decode::fuzz;
pub use decode::{Decoded, Decoder, Format, Limits, Writer};
pub use definition::{Record, Style, Timestamps};
pub use encode::{Encoder, Encoding, Item, Language};
pub use error::{Error, Incompatibility, Kind};
pub use json_schema::JsonSchema;
pub use protobuf::{Message, Protobuf};
pub use registry::{Answer, Options, Registered, Registry, WriterSchema};
pub use schema::Schema;
pub use shape::Shape;

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;
