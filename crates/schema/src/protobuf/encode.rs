//! Encodes the values of published records as Protobuf messages.

use prost_reflect::{DynamicMessage, Kind as Scalar, MessageDescriptor, Value as Proto};
use spanbridge_protocol::value::{Type, Value};

use crate::convert::{ConvertError, ConvertErrorKind, literal, to_float32};
use crate::definition::{FieldDefinition, FieldKind, FieldValue, RecordDefinition, TypeMapping};
use crate::{Error, Result};

/// The message of a record with these fields. `descriptor` is the compiled type of the record.
pub(crate) fn record_message(
    record: &RecordDefinition,
    descriptor: &MessageDescriptor,
    fields: Vec<FieldValue>,
) -> Result<DynamicMessage> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (field, item) in record.fields().iter().zip(fields) {
        let descriptor = descriptor.get_field(field.number).ok_or_else(Error::mismatch)?;
        if item.is_null() {
            if field.is_required() {
                return Err(Error::mismatch().in_field(&field.name));
            }
            continue;
        }
        let value =
            present_value(field, &descriptor.kind(), item).map_err(|error| error.in_field(&field.name))?;
        message.set_field(&descriptor, value);
    }
    Ok(message)
}

/// The value of a field that is not null.
fn present_value(field: &FieldDefinition, kind: &Scalar, item: FieldValue) -> Result<Proto> {
    match (&field.kind, item) {
        (FieldKind::Value(ty, mapping), FieldValue::Value(value)) => {
            Ok(column_value(value, ty, *mapping, kind)?)
        }
        (FieldKind::Int32, FieldValue::Value(Value::Int64(number))) => {
            i32::try_from(number).map(Proto::I32).map_err(|_| Error::mismatch())
        }
        (FieldKind::Snapshot, FieldValue::Value(Value::String(word))) => Ok(Proto::String(word)),
        (FieldKind::Names, FieldValue::Value(Value::Array(names))) => {
            let name = |name| match name {
                Value::String(name) => Ok(Proto::String(name)),
                _ => Err(Error::mismatch()),
            };
            names.into_iter().map(name).collect::<Result<_>>().map(Proto::List)
        }
        (FieldKind::Record(definition), FieldValue::Record(fields)) => {
            record_message(definition, message(kind)?, fields).map(Proto::Message)
        }
        (FieldKind::Records(definition), FieldValue::Records(items)) => {
            let descriptor = message(kind)?;
            let items = items.into_iter().map(|item| match item {
                FieldValue::Record(fields) => {
                    record_message(definition, descriptor, fields).map(Proto::Message)
                }
                _ => Err(Error::mismatch()),
            });
            items.collect::<Result<_>>().map(Proto::List)
        }
        _ => Err(Error::mismatch()),
    }
}

/// The message type of a field.
fn message(kind: &Scalar) -> Result<&MessageDescriptor> {
    kind.as_message().ok_or_else(Error::mismatch)
}

/// The Protobuf value of a column value that is not null.
fn column_value(
    value: Value,
    ty: &Type,
    mapping: TypeMapping,
    kind: &Scalar,
) -> std::result::Result<Proto, ConvertError> {
    let refused = |value: &Value, fault| ConvertError::encode(value, ty, fault);
    Ok(match (value, ty, mapping) {
        (Value::Bool(value), Type::Bool, _) => Proto::Bool(value),
        (Value::Int64(value), Type::Int64 | Type::Enum(_), _) => Proto::I64(value),
        (Value::Float64(value), Type::Float64, _) => Proto::F64(value.0),
        (Value::Float64(value), Type::Float32, _) => to_float32(value.0)
            .map(Proto::F32)
            .ok_or_else(|| refused(&Value::Float64(value), ConvertErrorKind::Precision))?,
        (Value::Bytes(bytes), Type::Bytes | Type::Proto(_), _) => Proto::Bytes(bytes.into()),
        (Value::Timestamp(at), Type::Timestamp, TypeMapping::Native(_)) => {
            let error = || refused(&Value::Timestamp(at), ConvertErrorKind::Type);
            let nanos = i32::try_from(at.timestamp_subsec_nanos()).map_err(|_| error())?;
            let descriptor = kind.as_message().ok_or_else(error)?;
            let parts = [("seconds", Proto::I64(at.timestamp())), ("nanos", Proto::I32(nanos))];
            with(descriptor, parts).ok_or_else(error)?
        }
        (Value::Array(items), Type::Array(ty), _) => {
            let error = |fault| ConvertError::encode(&Value::Array(Vec::new()), ty, fault);
            let list = kind.as_message().ok_or_else(|| error(ConvertErrorKind::Type))?;
            let item = list.get_field_by_name("items").map(|field| field.kind());
            let item =
                item.as_ref().and_then(Scalar::as_message).ok_or_else(|| error(ConvertErrorKind::Type))?;
            let scalar = item.get_field_by_name("value").map(|field| field.kind());
            let scalar = scalar.ok_or_else(|| error(ConvertErrorKind::Type))?;
            let mut values = Vec::with_capacity(items.len());
            for value in items {
                let parts = match value {
                    Value::Null => None,
                    value => Some(("value", column_value(value, ty, mapping, &scalar)?)),
                };
                values.push(with(item, parts).ok_or_else(|| error(ConvertErrorKind::Type))?);
            }
            with(list, [("items", Proto::List(values))]).ok_or_else(|| error(ConvertErrorKind::Type))?
        }
        (Value::Null, ..) => return Err(refused(&Value::Null, ConvertErrorKind::Null)),
        (value, ..) => {
            let error = refused(&value, ConvertErrorKind::Type);
            Proto::String(literal(value, ty).ok_or(error)?)
        }
    })
}

/// A message with these fields; `None` if the type lacks one of them.
fn with<'n>(
    descriptor: &MessageDescriptor,
    fields: impl IntoIterator<Item = (&'n str, Proto)>,
) -> Option<Proto> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in fields {
        message.set_field(&descriptor.get_field_by_name(name)?, value);
    }
    Some(Proto::Message(message))
}
