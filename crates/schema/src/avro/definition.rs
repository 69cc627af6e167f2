//! The Avro schema of a published record, with the attributes that Confluent's `AvroData` writes.
//!
//! apache-avro's schemas cannot hold attributes of a primitive type, so this module writes the text itself. The order
//! of the attributes is always the same, because a registry may compare texts.
//!
//! Source: `AvroData` of Confluent's Schema Registry, <https://github.com/confluentinc/schema-registry>.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value as Json;
use spanbridge_protocol::value::Type;

use crate::definition::{
    FieldDefinition, FieldKind, Presence, RecordDefinition, TimestampEncoding, TypeMapping,
};

/// The allowed values of `source.snapshot`, from Debezium's `SnapshotRecord`.
const SNAPSHOT_VALUES: &str =
    "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";
/// The digits of a NUMERIC: 29 before the decimal point and 9 after it.
const NUMERIC_PRECISION: u32 = 38;
/// The digits of a NUMERIC after the decimal point.
const NUMERIC_SCALE: u32 = 9;

/// The schema of `record` as JSON text.
pub(crate) fn schema_text(record: &RecordDefinition) -> String {
    let schema = Schema::record(record, &mut HashSet::new());
    serde_json::to_string(&schema).expect("strings, numbers and lists are always JSON")
}

/// A schema, serialized as its JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Schema<'r> {
    /// A primitive type, or a record that is defined earlier in the text.
    Name(&'r str),
    Annotated(AnnotatedType),
    Array {
        #[serde(rename = "type")]
        array: &'static str,
        items: Box<Schema<'r>>,
    },
    Union(Vec<Schema<'r>>),
    Record(RecordSchema<'r>),
}

/// A primitive type with attributes: an Avro logical type, a Connect type with a name, or both.
#[derive(Serialize, Default)]
struct AnnotatedType {
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

/// The parameters of Debezium's semantic type `io.debezium.data.Enum`.
#[derive(Serialize)]
struct Allowed {
    allowed: &'static str,
}

/// A record type.
#[derive(Serialize)]
struct RecordSchema<'r> {
    #[serde(rename = "type")]
    record: &'static str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'r str>,
    fields: Vec<FieldSchema<'r>>,
    #[serde(rename = "connect.version", skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(rename = "connect.name")]
    full_name: &'r str,
}

/// A field of a record type.
#[derive(Serialize)]
struct FieldSchema<'r> {
    name: &'r str,
    #[serde(rename = "type")]
    schema: Schema<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
}

impl<'r> Schema<'r> {
    /// The definition of the record where it occurs first, its name after that.
    fn record(record: &'r RecordDefinition, seen: &mut HashSet<&'r str>) -> Self {
        if !seen.insert(record.full_name()) {
            return Self::Name(record.full_name());
        }
        let (namespace, name) = record.namespace_and_name();
        Self::Record(RecordSchema {
            record: "record",
            name,
            namespace,
            fields: record.fields().iter().map(|field| FieldSchema::new(field, seen)).collect(),
            version: record.version(),
            full_name: record.full_name(),
        })
    }

    fn field_kind(kind: &'r FieldKind, seen: &mut HashSet<&'r str>) -> Self {
        match kind {
            FieldKind::Value(ty, mapping) => Self::value(ty, *mapping),
            FieldKind::Int32 => Self::Name("int"),
            FieldKind::Snapshot => Self::Annotated(AnnotatedType {
                primitive: "string",
                version: Some(1),
                parameters: Some(Allowed { allowed: SNAPSHOT_VALUES }),
                default: Some("false"),
                name: Some("io.debezium.data.Enum"),
                ..AnnotatedType::default()
            }),
            FieldKind::Names => Self::array(Self::Name("string")),
            FieldKind::Record(record) => Self::record(record, seen),
            FieldKind::Records(record) => Self::array(Self::record(record, seen)),
        }
    }

    fn value(ty: &Type, mapping: TypeMapping) -> Self {
        match (ty, mapping) {
            (Type::Bool, _) => Self::Name("boolean"),
            (Type::Int64 | Type::Enum(_), _) => Self::Name("long"),
            (Type::Float32, _) => Self::Name("float"),
            (Type::Float64, _) => Self::Name("double"),
            (Type::Bytes | Type::Proto(_), _) => Self::Name("bytes"),
            (Type::Array(item), _) => Self::array(Self::value(item, mapping).optional()),
            (Type::Uuid, TypeMapping::Debezium) => Self::connect("string", "io.debezium.data.Uuid"),
            (Type::String, _)
            | (Type::Numeric | Type::Date | Type::Timestamp | Type::Json, TypeMapping::Debezium) => {
                Self::Name("string")
            }
            (Type::Numeric, TypeMapping::Native(_)) => Self::Annotated(AnnotatedType {
                precision: Some(NUMERIC_PRECISION),
                scale: Some(NUMERIC_SCALE),
                ..AnnotatedType::logical("bytes", "decimal")
            }),
            (Type::Date, TypeMapping::Native(_)) => Self::Annotated(AnnotatedType::logical("int", "date")),
            (Type::Uuid, TypeMapping::Native(_)) => Self::Annotated(AnnotatedType::logical("string", "uuid")),
            (Type::Json, TypeMapping::Native(_)) => Self::connect("string", "io.debezium.data.Json"),
            (Type::Timestamp, TypeMapping::Native(timestamps)) => match timestamps {
                TimestampEncoding::Text => Self::connect("string", "io.debezium.time.ZonedTimestamp"),
                TimestampEncoding::Micros => {
                    Self::Annotated(AnnotatedType::logical("long", "timestamp-micros"))
                }
                TimestampEncoding::Nanos => {
                    Self::Annotated(AnnotatedType::logical("long", "timestamp-nanos"))
                }
            },
        }
    }

    /// A primitive type with the name of a Connect or Debezium semantic type.
    fn connect(primitive: &'static str, name: &'static str) -> Self {
        Self::Annotated(AnnotatedType {
            primitive,
            version: Some(1),
            name: Some(name),
            ..AnnotatedType::default()
        })
    }

    fn array(items: Self) -> Self {
        Self::Array { array: "array", items: Box::new(items) }
    }

    /// A union of null and this type; null first, as Connect writes an optional field.
    fn optional(self) -> Self {
        Self::Union(vec![Self::Name("null"), self])
    }
}

impl AnnotatedType {
    fn logical(primitive: &'static str, logical: &'static str) -> Self {
        Self { primitive, logical: Some(logical), ..Self::default() }
    }
}

impl<'r> FieldSchema<'r> {
    fn new(field: &'r FieldDefinition, seen: &mut HashSet<&'r str>) -> Self {
        let schema = Schema::field_kind(&field.kind, seen);
        let (schema, default) = match field.presence {
            Presence::Required => (schema, None),
            Presence::Optional => (schema.optional(), Some(Json::Null)),
            // The default belongs to the first branch of the union (Avro specification, "Unions").
            Presence::Defaulted(default) => {
                (Schema::Union(vec![schema, Schema::Name("null")]), Some(default.into()))
            }
        };
        Self { name: &field.name, schema, default }
    }
}
