//! One function a decoder that takes bytes only, for a fuzzer: each tells whether they decode, none may panic.
//!
//! The formats of the registry are decoded with a schema that has one of everything.

use std::sync::{Arc, LazyLock};

use super::{Limits, avro, json, json_schema, plain, protobuf};
use crate::Schema;
use crate::convert::to_spanner;
use crate::datum::Datum;
use crate::debezium;
use crate::json_schema::JsonSchema;
use crate::protobuf::Protobuf;
use spanbridge_protocol::value::Type;

const AVRO: &str = include_str!("fuzz/every.avsc");
const JSON_SCHEMA: &str = include_str!("fuzz/every.schema.json");
const PROTOBUF: &str = include_str!("fuzz/every.proto");

/// An Avro payload, without its frame.
pub fn avro(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::parse(AVRO).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(avro::decode(schema, bytes, Limits::default()).ok())
}

/// A Protobuf payload with its message index, without its frame.
pub fn protobuf(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<Arc<Protobuf>>> =
        LazyLock::new(|| Protobuf::parse(PROTOBUF, &[]).ok().map(Arc::new));
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(protobuf::decode(schema, bytes, Limits::default(), true).ok().map(|(_, value)| value))
}

/// A JSON text that a schema validates, without its frame.
pub fn json_schema(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<JsonSchema>> = LazyLock::new(|| JsonSchema::parse(JSON_SCHEMA, &[]).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(json_schema::decode(schema, bytes, Limits::default()).ok())
}

/// A JSON text, also as an event of Debezium.
pub fn json(bytes: &[u8]) -> bool {
    let value = json::decode(bytes, Limits::default()).ok();
    if let Some(event) = value.clone().and_then(|value| debezium::unwrap(value).ok()) {
        used(Some(event.row().clone()));
    }
    used(value)
}

/// The formats without structure, and the frame.
pub fn plain(bytes: &[u8]) -> bool {
    let string = used(plain::string(bytes).ok());
    let int64 = used(plain::int64(bytes).ok());
    string | int64 | crate::frame::split(bytes).is_ok()
}

/// What is done with a value once it is decoded.
fn used(value: Option<Datum>) -> bool {
    let Some(value) = value else { return false };
    let _ = value.canonical();
    for ty in [
        Type::Bool,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Numeric,
        Type::String,
        Type::Bytes,
        Type::Date,
        Type::Timestamp,
        Type::Json,
        Type::Uuid,
        Type::Proto("fuzz.Message".to_owned()),
        Type::Enum("fuzz.Enum".to_owned()),
        Type::Array(Box::new(Type::Numeric)),
    ] {
        let _ = to_spanner(&value, &ty);
        if let Datum::Record(record) = &value {
            for (_, field) in record.fields() {
                let _ = to_spanner(field, &ty);
            }
        }
    }
    true
}
