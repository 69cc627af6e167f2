//! One function a decoder that takes bytes only, for a fuzzer: each may fail, none may panic.
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
pub fn avro(bytes: &[u8]) {
    static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::parse(AVRO).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(avro::decode(schema, bytes, Limits::default()).ok());
}

/// A Protobuf payload with its message index, without its frame.
pub fn protobuf(bytes: &[u8]) {
    static SCHEMA: LazyLock<Option<Arc<Protobuf>>> =
        LazyLock::new(|| Protobuf::parse(PROTOBUF, &[]).ok().map(Arc::new));
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(protobuf::decode(schema, bytes, Limits::default()).ok().map(|(_, value)| value));
}

/// A JSON text that a schema validates, without its frame.
pub fn json_schema(bytes: &[u8]) {
    static SCHEMA: LazyLock<Option<JsonSchema>> = LazyLock::new(|| JsonSchema::parse(JSON_SCHEMA, &[]).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    used(json_schema::decode(schema, bytes, Limits::default()).ok());
}

/// A JSON text, also as an event of Debezium.
pub fn json(bytes: &[u8]) {
    let value = json::decode(bytes, Limits::default()).ok();
    if let Some(event) = value.clone().and_then(|value| debezium::unwrap(value).ok()) {
        used(Some(event.row().clone()));
    }
    used(value);
}

/// The formats without structure, and the frame.
pub fn plain(bytes: &[u8]) {
    used(plain::string(bytes).ok());
    used(plain::int64(bytes).ok());
    let _ = crate::frame::split(bytes);
}

/// What is done with a value once it is decoded.
fn used(value: Option<Datum>) {
    let Some(value) = value else { return };
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
        Type::Array(Box::new(Type::Numeric)),
    ] {
        let _ = to_spanner(&value, &ty);
        if let Datum::Record(record) = &value {
            for (_, field) in record.fields() {
                let _ = to_spanner(field, &ty);
            }
        }
    }
}
