//! Schemas and values: the schema registry, Confluent's wire format, Avro, and what a Spanner
//! table looks like in them.
//!
//! - [`Registry`]: the registry's schemas, parsed and cached.
//! - [`frame`]: Confluent's wire format.
//! - [`Decoder`]: a framed payload to an Avro value, safe against hostile bytes.
//! - [`convert`]: an Avro value to a value of a Spanner column, without loss.
//! - [`mod@derive`] and [`debezium`]: Avro schemas of a Spanner table and of Debezium's envelope.
//! - [`encode`]: rows to Avro values, and Avro values to framed payloads.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod convert;
pub mod debezium;
mod decode;
mod definition;
pub mod derive;
pub mod encode;
mod error;
pub mod frame;
mod name;
mod registry;
mod schema;

pub use decode::{Decoded, Decoder, Limits};
pub use error::{Error, Incompatibility, Kind};
pub use registry::{Options, Registered, Registry};
pub use schema::Schema;

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;
