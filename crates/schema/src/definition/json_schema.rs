//! The JSON schema of a record, with the types that Confluent's `JsonSchemaData` writes beside JSON's own.
//!
//! Objects are closed: to a closed one a field can be added, by the registry's rules, and a record with a
//! field that its schema does not have is a mistake.

use serde_json::{Map, Value as Json, json};
use spanbridge_protocol::value::Type;

use super::{Field, Node, Presence, Record};

/// The schema as JSON text.
pub(crate) fn text(record: &Record) -> String {
    let mut schema = object(record);
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    Json::Object(schema).to_string()
}

fn object(record: &Record) -> Map<String, Json> {
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

fn property(field: &Field) -> Json {
    let schema = node(&field.node);
    match field.presence {
        Presence::Required => schema,
        Presence::Optional | Presence::Defaulted(_) => optional(&schema),
    }
}

fn node(node: &Node) -> Json {
    match node {
        Node::Value(ty, _) => value(ty),
        Node::Int32 => json!({"type": "integer", "connect.type": "int32"}),
        Node::Snapshot => json!({"type": "string"}),
        Node::Names => json!({"type": "array", "items": {"type": "string"}}),
        Node::Record(record) => Json::Object(object(record)),
        Node::Records(record) => json!({"type": "array", "items": object(record)}),
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

/// JSON has no number for these three.
fn float(connect: &str) -> Json {
    json!({"anyOf": [
        {"type": "number", "connect.type": connect},
        {"enum": ["NaN", "Infinity", "-Infinity"]},
    ]})
}

fn optional(schema: &Json) -> Json {
    json!({"oneOf": [{"type": "null"}, schema]})
}
