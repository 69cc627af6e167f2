//! A record as JSON: what each type becomes stands in docs/reference/publish.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use spanbridge_protocol::value::{Type, Value};

use super::text::text;
use super::{Item, TYPICAL};
use crate::convert::narrow;
use crate::definition::{Field, Node, Record};
use crate::{Error, Kind, Result};

/// Writes the record behind what `bytes` holds.
pub(super) fn write(record: &Record, fields: &[Item], bytes: &mut Vec<u8>) -> Result<()> {
    bytes.reserve(TYPICAL);
    // Every text is ours: the writer does not fail, and no value has another form.
    serde_json::to_writer(bytes, &Fields { record, fields })
        .map_err(|error| Error::new(Kind::Encode, error.to_string()))
}

struct Fields<'a> {
    record: &'a Record,
    fields: &'a [Item],
}

struct One<'a> {
    field: &'a Field,
    item: &'a Item,
}

struct Part<'a> {
    node: &'a Node,
    item: &'a Item,
}

struct Scalar<'a> {
    value: &'a Value,
    ty: &'a Type,
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.fields.len()))?;
        for (field, item) in self.record.fields().iter().zip(self.fields) {
            map.serialize_entry(&field.name, &One { field, item })?;
        }
        map.end()
    }
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { field, item } = *self;
        match item.is_null() {
            true if field.is_required() => {
                Err(S::Error::custom(format!("field {}: the value is null", field.name)))
            }
            true => to.serialize_none(),
            false => Part { node: &field.node, item }
                .serialize(to)
                .map_err(|error| S::Error::custom(format!("field {}: {error}", field.name))),
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match (self.node, self.item) {
            (Node::Value(ty, _), Item::Value(value)) => Scalar { value, ty }.serialize(to),
            (Node::Int32, Item::Value(Value::Int64(number))) => to.serialize_i64(*number),
            (Node::Snapshot, Item::Value(Value::String(word))) => to.serialize_str(word),
            (Node::Names, Item::Value(value @ Value::Array(_))) => {
                Scalar { value, ty: &Type::Array(Box::new(Type::String)) }.serialize(to)
            }
            (Node::Record(record), Item::Record(fields)) => Fields { record, fields }.serialize(to),
            (Node::Records(record), Item::Records(items)) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    let Item::Record(fields) = item else { return Err(S::Error::custom(super::MISMATCH)) };
                    list.serialize_element(&Fields { record, fields })?;
                }
                list.end()
            }
            _ => Err(S::Error::custom(super::MISMATCH)),
        }
    }
}

impl Serialize for Scalar<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match (self.value, self.ty) {
            (Value::Null, _) => to.serialize_none(),
            (Value::Bool(value), Type::Bool) => to.serialize_bool(*value),
            (Value::Int64(value), Type::Int64 | Type::Enum(_)) => to.serialize_i64(*value),
            (Value::Float64(value), Type::Float64 | Type::Float32) if !value.0.is_finite() => to
                .serialize_str(match value.0 {
                    value if value.is_nan() => "NaN",
                    value if value > 0.0 => "Infinity",
                    _ => "-Infinity",
                }),
            (Value::Float64(value), Type::Float64) => to.serialize_f64(value.0),
            (Value::Float64(value), Type::Float32) => match narrow(value.0) {
                Some(value) => to.serialize_f32(value),
                None => Err(S::Error::custom("the value has more digits than a FLOAT32")),
            },
            (Value::Bytes(bytes), Type::Bytes | Type::Proto(_)) => to.serialize_str(&STANDARD.encode(bytes)),
            (Value::String(text), Type::String | Type::Uuid) | (Value::Json(text), Type::Json) => {
                to.serialize_str(text)
            }
            (Value::Array(items), Type::Array(ty)) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Scalar { value, ty })?;
                }
                list.end()
            }
            (value, ty) => match text(value.clone(), ty) {
                Some(text) => to.serialize_str(&text),
                None => Err(S::Error::custom(super::MISMATCH)),
            },
        }
    }
}
