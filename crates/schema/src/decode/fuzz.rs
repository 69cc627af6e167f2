//! The targets of the fuzz test: one function per decoder, from bytes to "they decode".
//!
//! None of them may panic. The formats with a schema are decoded with a schema that contains each type once.

use std::sync::{Arc, LazyLock};

use super::plain;
use crate::avro::AvroSchema;
use crate::convert::to_spanner;
use crate::datum::Datum;
use crate::debezium::ChangeEvent;
use crate::json_schema::JsonSchema;
use crate::limits::Limits;
use crate::protobuf::ProtobufSchema;
use crate::{avro, datum, frame, json, json_schema, protobuf};
use spanbridge_protocol::value::Type;

const AVRO: &str = include_str!("fuzz/every.avsc");
const JSON_SCHEMA: &str = include_str!("fuzz/every.schema.json");
const PROTOBUF: &str = include_str!("fuzz/every.proto");

/// Decodes an Avro payload without its frame.
pub fn avro(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<AvroSchema>> = LazyLock::new(|| AvroSchema::parse(AVRO).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    convert_all(avro::decode(schema, bytes).ok())
}

/// Decodes a Protobuf payload with its message index and without its frame.
pub fn protobuf(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<Arc<ProtobufSchema>>> =
        LazyLock::new(|| ProtobufSchema::parse(PROTOBUF, &[]).ok().map(Arc::new));
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    convert_all(protobuf::decode(schema, bytes, Limits::default(), true).ok().map(|(_, value)| value))
}

/// Decodes a JSON text without its frame and validates it.
pub fn json_schema(bytes: &[u8]) -> bool {
    static SCHEMA: LazyLock<Option<JsonSchema>> = LazyLock::new(|| JsonSchema::parse(JSON_SCHEMA, &[]).ok());
    let schema = SCHEMA.as_ref().unwrap_or_else(|| unreachable!("the schema is our own"));
    convert_all(json_schema::decode(schema, bytes, Limits::default()).ok())
}

/// Decodes a JSON text, also as a Debezium change event.
pub fn json(bytes: &[u8]) -> bool {
    let value = json::decode(bytes, Limits::default()).ok();
    if let Some(event) = value.clone().and_then(|value| ChangeEvent::from_datum(value).ok()) {
        convert_all(Some(event.row().clone()));
    }
    convert_all(value)
}

/// Decodes the formats without structure, and the frame.
pub fn plain(bytes: &[u8]) -> bool {
    let string = convert_all(plain::string(bytes).ok());
    let int64 = convert_all(plain::int64(bytes).ok());
    string | int64 | frame::split(bytes).is_ok()
}

/// Converts a decoded value as ingest would. Returns whether there is a value.
fn convert_all(value: Option<Datum>) -> bool {
    let Some(value) = value else { return false };
    let _ = datum::canonical_text(&value);
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
