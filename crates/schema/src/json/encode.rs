//! Encodes published records as JSON text. `docs/reference/publish.md` lists the JSON form of each column type.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use spanbridge_protocol::value::{Type, Value};

use crate::convert::{literal, to_float32};
use crate::definition::{FieldDefinition, FieldKind, FieldValue, RecordDefinition};
use crate::error::{MISMATCH, in_field};
use crate::{Error, ErrorKind, Result, frame};

/// Appends the record with these fields to `bytes`.
pub(crate) fn write_record(
    record: &RecordDefinition,
    fields: &[FieldValue],
    bytes: &mut Vec<u8>,
) -> Result<()> {
    bytes.reserve(frame::TYPICAL_PAYLOAD);
    // Writing to a vector does not fail. Every error is one of the messages below, which contain no value.
    serde_json::to_writer(bytes, &RecordFields { record, fields })
        .map_err(|error| Error::new(ErrorKind::Encode, error.to_string()))
}

/// An object.
struct RecordFields<'a> {
    record: &'a RecordDefinition,
    fields: &'a [FieldValue],
}

/// A member of an object, null or not.
struct Member<'a> {
    field: &'a FieldDefinition,
    item: &'a FieldValue,
}

/// The value of a field that is not null.
struct PresentValue<'a> {
    kind: &'a FieldKind,
    item: &'a FieldValue,
}

/// A column value, or an item of an array column.
struct ColumnValue<'a> {
    value: &'a Value,
    ty: &'a Type,
}

impl Serialize for RecordFields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.fields.len()))?;
        for (field, item) in self.record.fields().iter().zip(self.fields) {
            map.serialize_entry(&field.name, &Member { field, item })?;
        }
        map.end()
    }
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { field, item } = *self;
        match item.is_null() {
            true if field.is_required() => {
                Err(S::Error::custom(in_field(&field.name, "the value is null, but a value is required")))
            }
            true => to.serialize_none(),
            false => PresentValue { kind: &field.kind, item }
                .serialize(to)
                .map_err(|error| S::Error::custom(in_field(&field.name, &error.to_string()))),
        }
    }
}

impl Serialize for PresentValue<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        match (self.kind, self.item) {
            (FieldKind::Value(ty, _), FieldValue::Value(value)) => ColumnValue { value, ty }.serialize(to),
            (FieldKind::Int32, FieldValue::Value(Value::Int64(number))) => to.serialize_i64(*number),
            (FieldKind::Snapshot, FieldValue::Value(Value::String(word))) => to.serialize_str(word),
            (FieldKind::Names, FieldValue::Value(value @ Value::Array(_))) => {
                ColumnValue { value, ty: &Type::Array(Box::new(Type::String)) }.serialize(to)
            }
            (FieldKind::Record(record), FieldValue::Record(fields)) => {
                RecordFields { record, fields }.serialize(to)
            }
            (FieldKind::Records(record), FieldValue::Records(items)) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    let FieldValue::Record(fields) = item else { return Err(S::Error::custom(MISMATCH)) };
                    list.serialize_element(&RecordFields { record, fields })?;
                }
                list.end()
            }
            _ => Err(S::Error::custom(MISMATCH)),
        }
    }
}

impl Serialize for ColumnValue<'_> {
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
            (Value::Float64(value), Type::Float32) => match to_float32(value.0) {
                Some(value) => to.serialize_f32(value),
                None => Err(S::Error::custom("the value has more digits than a FLOAT32 holds")),
            },
            (Value::Bytes(bytes), Type::Bytes | Type::Proto(_)) => to.serialize_str(&STANDARD.encode(bytes)),
            (Value::String(text), Type::String | Type::Uuid) | (Value::Json(text), Type::Json) => {
                to.serialize_str(text)
            }
            (Value::Array(items), Type::Array(ty)) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&ColumnValue { value, ty })?;
                }
                list.end()
            }
            (value, ty) => match literal(value.clone(), ty) {
                Some(text) => to.serialize_str(&text),
                None => Err(S::Error::custom(MISMATCH)),
            },
        }
    }
}
