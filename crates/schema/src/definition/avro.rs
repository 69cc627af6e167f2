//! The Avro schema of a record, with the properties that Confluent's `AvroData` writes.
//!
//! apache-avro's schemas cannot hold properties of a primitive type, so the text is written here,
//! always in the same order: a registry may compare texts.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value as Json;
use spanbridge_protocol::value::Type;

use super::{Field, Node, Presence, Record, Style, Timestamps};

/// The values of `source.snapshot`, in Debezium's words.
const SNAPSHOT: &str = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";
/// NUMERIC: 29 digits before the point and 9 behind it.
const PRECISION: u32 = 38;
const SCALE: u32 = 9;

/// The schema as JSON text.
pub(crate) fn text(record: &Record) -> String {
    let schema = Schema::record(record, &mut HashSet::new());
    serde_json::to_string(&schema).expect("strings, numbers and lists are always JSON")
}

#[derive(Serialize)]
#[serde(untagged)]
enum Schema<'r> {
    /// A primitive type, or a named one defined before.
    Name(&'r str),
    Annotated(Annotated),
    Array {
        #[serde(rename = "type")]
        array: &'static str,
        items: Box<Schema<'r>>,
    },
    Union(Vec<Schema<'r>>),
    Record(Definition<'r>),
}

/// A primitive type that stands for another one: an Avro logical type, a named Connect type, or both.
#[derive(Serialize, Default)]
struct Annotated {
    #[serde(rename = "type")]
    primitive: &'static str,
    #[serde(rename = "logicalType", skip_serializing_if = "Option::is_none")]
    logical: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u32>,
    #[serde(rename = "connect.version", skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(rename = "connect.parameters", skip_serializing_if = "Option::is_none")]
    parameters: Option<Allowed>,
    #[serde(rename = "connect.default", skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
    #[serde(rename = "connect.name", skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
}

/// The parameters of Debezium's enum.
#[derive(Serialize)]
struct Allowed {
    allowed: &'static str,
}

#[derive(Serialize)]
struct Definition<'r> {
    #[serde(rename = "type")]
    record: &'static str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'r str>,
    fields: Vec<Member<'r>>,
    #[serde(rename = "connect.version", skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(rename = "connect.name")]
    full_name: &'r str,
}

#[derive(Serialize)]
struct Member<'r> {
    name: &'r str,
    #[serde(rename = "type")]
    schema: Schema<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
}

impl<'r> Schema<'r> {
    /// Its definition where it occurs first, its name from then on.
    fn record(record: &'r Record, seen: &mut HashSet<&'r str>) -> Self {
        if !seen.insert(record.full_name()) {
            return Self::Name(record.full_name());
        }
        let (namespace, name) = record.names();
        Self::Record(Definition {
            record: "record",
            name,
            namespace,
            fields: record.fields().iter().map(|field| Member::new(field, seen)).collect(),
            version: record.version(),
            full_name: record.full_name(),
        })
    }

    fn node(node: &'r Node, seen: &mut HashSet<&'r str>) -> Self {
        match node {
            Node::Value(ty, style) => Self::value(ty, *style),
            Node::Int32 => Self::Name("int"),
            Node::Snapshot => Self::Annotated(Annotated {
                primitive: "string",
                version: Some(1),
                parameters: Some(Allowed { allowed: SNAPSHOT }),
                default: Some("false"),
                name: Some("io.debezium.data.Enum"),
                ..Annotated::default()
            }),
            Node::Names => Self::array(Self::Name("string")),
            Node::Record(record) => Self::record(record, seen),
            Node::Records(record) => Self::array(Self::record(record, seen)),
        }
    }

    fn value(ty: &Type, style: Style) -> Self {
        match (ty, style) {
            (Type::Bool, _) => Self::Name("boolean"),
            (Type::Int64 | Type::Enum(_), _) => Self::Name("long"),
            (Type::Float32, _) => Self::Name("float"),
            (Type::Float64, _) => Self::Name("double"),
            (Type::Bytes | Type::Proto(_), _) => Self::Name("bytes"),
            (Type::Array(item), _) => Self::array(Self::value(item, style).optional()),
            (Type::Uuid, Style::Debezium) => Self::connect("string", "io.debezium.data.Uuid"),
            (Type::String, _)
            | (Type::Numeric | Type::Date | Type::Timestamp | Type::Json, Style::Debezium) => {
                Self::Name("string")
            }
            (Type::Numeric, Style::Native(_)) => Self::Annotated(Annotated {
                precision: Some(PRECISION),
                scale: Some(SCALE),
                ..Annotated::logical("bytes", "decimal")
            }),
            (Type::Date, Style::Native(_)) => Self::Annotated(Annotated::logical("int", "date")),
            (Type::Uuid, Style::Native(_)) => Self::Annotated(Annotated::logical("string", "uuid")),
            (Type::Json, Style::Native(_)) => Self::connect("string", "io.debezium.data.Json"),
            (Type::Timestamp, Style::Native(timestamps)) => match timestamps {
                Timestamps::Text => Self::connect("string", "io.debezium.time.ZonedTimestamp"),
                Timestamps::Micros => Self::Annotated(Annotated::logical("long", "timestamp-micros")),
                Timestamps::Nanos => Self::Annotated(Annotated::logical("long", "timestamp-nanos")),
            },
        }
    }

    fn connect(primitive: &'static str, name: &'static str) -> Self {
        Self::Annotated(Annotated { primitive, version: Some(1), name: Some(name), ..Annotated::default() })
    }

    fn array(items: Self) -> Self {
        Self::Array { array: "array", items: Box::new(items) }
    }

    /// What Connect calls optional: null first.
    fn optional(self) -> Self {
        Self::Union(vec![Self::Name("null"), self])
    }
}

impl Annotated {
    fn logical(primitive: &'static str, logical: &'static str) -> Self {
        Self { primitive, logical: Some(logical), ..Self::default() }
    }
}

impl<'r> Member<'r> {
    fn new(field: &'r Field, seen: &mut HashSet<&'r str>) -> Self {
        let schema = Schema::node(&field.node, seen);
        let (schema, default) = match field.presence {
            Presence::Required => (schema, None),
            Presence::Optional => (schema.optional(), Some(Json::Null)),
            // Its type comes first, as Avro wants.
            Presence::Defaulted(default) => {
                (Schema::Union(vec![schema, Schema::Name("null")]), Some(default.into()))
            }
        };
        Self { name: &field.name, schema, default }
    }
}
