//! The JSON schema of a published record, with the `connect.type` attributes that Confluent's `JsonSchemaData` writes.
//!
//! Objects are closed (`additionalProperties: false`). The registry's compatibility rules allow a new field in a closed
//! object, and a record with a field that its schema lacks is a defect.
//!
//! Source: `JsonSchemaData` of Confluent's Schema Registry, <https://github.com/confluentinc/schema-registry>.

use serde_json::{Map, Value as Json, json};
use spanbridge_protocol::value::Type;

use crate::definition::{FieldDefinition, FieldKind, Presence, RecordDefinition};

/// The schema of `record` as JSON text.
pub(crate) fn schema_text(record: &RecordDefinition) -> String {
    let mut schema = object(record);
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    Json::Object(schema).to_string()
}

fn object(record: &RecordDefinition) -> Map<String, Json> {
    let properties = record.fields().iter().map(|field| (field.name.clone(), property(field)));
    let required: Vec<&str> =
        record.fields().iter().filter(|field| field.is_required()).map(|field| &*field.name).collect();
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("title".to_owned(), json!(record.full_name())),
        ("properties".to_owned(), Json::Object(properties.collect())),
        ("additionalProperties".to_owned(), json!(false)),
    ]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(field: &FieldDefinition) -> Json {
    let schema = field_kind(&field.kind);
    match field.presence {
        Presence::Required => schema,
        Presence::Optional | Presence::Defaulted(_) => optional(&schema),
    }
}

fn field_kind(kind: &FieldKind) -> Json {
    match kind {
        FieldKind::Value(ty, _) => value(ty),
        FieldKind::Int32 => json!({"type": "integer", "connect.type": "int32"}),
        FieldKind::Snapshot => json!({"type": "string"}),
        FieldKind::Names => json!({"type": "array", "items": {"type": "string"}}),
        FieldKind::Record(record) => Json::Object(object(record)),
        FieldKind::Records(record) => json!({"type": "array", "items": object(record)}),
    }
}

fn value(ty: &Type) -> Json {
    match ty {
        Type::Bool => json!({"type": "boolean"}),
        Type::Int64 | Type::Enum(_) => json!({"type": "integer", "connect.type": "int64"}),
        Type::Float32 => float("float32"),
        Type::Float64 => float("float64"),
        Type::Bytes | Type::Proto(_) => {
            json!({"type": "string", "connect.type": "bytes", "contentEncoding": "base64"})
        }
        Type::Date => json!({"type": "string", "format": "date"}),
        Type::Timestamp => json!({"type": "string", "format": "date-time"}),
        Type::Uuid => json!({"type": "string", "format": "uuid"}),
        Type::Json => json!({"type": "string", "contentMediaType": "application/json"}),
        Type::Numeric | Type::String => json!({"type": "string"}),
        Type::Array(item) => json!({"type": "array", "items": optional(&value(item))}),
    }
}

/// A float. JSON has no number for NaN and the infinities.
fn float(connect: &str) -> Json {
    json!({"anyOf": [
        {"type": "number", "connect.type": connect},
        {"enum": ["NaN", "Infinity", "-Infinity"]},
    ]})
}

/// A schema that also allows null.
fn optional(schema: &Json) -> Json {
    json!({"oneOf": [{"type": "null"}, schema]})
}
