use prost_reflect::{DynamicMessage, Kind as Scalar, MessageDescriptor, Value as Proto};
use spanbridge_protocol::value::{Type, Value};

use super::text::text;
use super::{Item, mismatch, within};
use crate::Result;
use crate::convert::{ConvertError, Fault};
use crate::definition::{Field, Node, Record, Style};

/// The message of a record's fields.
pub(super) fn record(
    of: &Record,
    descriptor: &MessageDescriptor,
    fields: Vec<Item>,
) -> Result<DynamicMessage> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (field, item) in of.fields().iter().zip(fields) {
        let descriptor = descriptor.get_field(field.number).ok_or_else(mismatch)?;
        if item.is_null() {
            if field.is_required() {
                return Err(within(&field.name, mismatch()));
            }
            continue;
        }
        let value = of_field(field, &descriptor.kind(), item).map_err(|error| within(&field.name, error))?;
        message.set_field(&descriptor, value);
    }
    Ok(message)
}

fn of_field(field: &Field, kind: &Scalar, item: Item) -> Result<Proto> {
    match (&field.node, item) {
        (Node::Value(ty, style), Item::Value(value)) => Ok(of_value(value, ty, *style, kind)?),
        (Node::Int32, Item::Value(Value::Int64(number))) => {
            i32::try_from(number).map(Proto::I32).map_err(|_| mismatch())
        }
        (Node::Snapshot, Item::Value(Value::String(word))) => Ok(Proto::String(word)),
        (Node::Names, Item::Value(Value::Array(names))) => {
            let name = |name| match name {
                Value::String(name) => Ok(Proto::String(name)),
                _ => Err(mismatch()),
            };
            names.into_iter().map(name).collect::<Result<_>>().map(Proto::List)
        }
        (Node::Record(of), Item::Record(fields)) => record(of, message(kind)?, fields).map(Proto::Message),
        (Node::Records(of), Item::Records(items)) => {
            let descriptor = message(kind)?;
            let items = items.into_iter().map(|item| match item {
                Item::Record(fields) => record(of, descriptor, fields).map(Proto::Message),
                _ => Err(mismatch()),
            });
            items.collect::<Result<_>>().map(Proto::List)
        }
        _ => Err(mismatch()),
    }
}

fn message(kind: &Scalar) -> Result<&MessageDescriptor> {
    kind.as_message().ok_or_else(mismatch)
}

/// A value that is not null.
fn of_value(
    value: Value,
    ty: &Type,
    style: Style,
    kind: &Scalar,
) -> std::result::Result<Proto, ConvertError> {
    let refused = |value: &Value, fault| ConvertError::encode(value, ty, fault);
    Ok(match (value, ty, style) {
        (Value::Bool(value), Type::Bool, _) => Proto::Bool(value),
        (Value::Int64(value), Type::Int64 | Type::Enum(_), _) => Proto::I64(value),
        (Value::Float64(value), Type::Float64, _) => Proto::F64(value.0),
        (Value::Float64(value), Type::Float32, _) => crate::convert::narrow(value.0)
            .map(Proto::F32)
            .ok_or_else(|| refused(&Value::Float64(value), Fault::Precision))?,
        (Value::Bytes(bytes), Type::Bytes | Type::Proto(_), _) => Proto::Bytes(bytes.into()),
        (Value::Timestamp(at), Type::Timestamp, Style::Native(_)) => {
            let error = || refused(&Value::Timestamp(at), Fault::Type);
            let nanos = i32::try_from(at.timestamp_subsec_nanos()).map_err(|_| error())?;
            let descriptor = kind.as_message().ok_or_else(error)?;
            let parts = [("seconds", Proto::I64(at.timestamp())), ("nanos", Proto::I32(nanos))];
            with(descriptor, parts).ok_or_else(error)?
        }
        (Value::Array(items), Type::Array(ty), _) => {
            let error = |fault| ConvertError::encode(&Value::Array(Vec::new()), ty, fault);
            let list = kind.as_message().ok_or_else(|| error(Fault::Type))?;
            let item = list.get_field_by_name("items").map(|field| field.kind());
            let item = item.as_ref().and_then(Scalar::as_message).ok_or_else(|| error(Fault::Type))?;
            let scalar = item.get_field_by_name("value").map(|field| field.kind());
            let scalar = scalar.ok_or_else(|| error(Fault::Type))?;
            let mut values = Vec::with_capacity(items.len());
            for value in items {
                let parts = match value {
                    Value::Null => None,
                    value => Some(("value", of_value(value, ty, style, &scalar)?)),
                };
                values.push(with(item, parts).ok_or_else(|| error(Fault::Type))?);
            }
            with(list, [("items", Proto::List(values))]).ok_or_else(|| error(Fault::Type))?
        }
        (Value::Null, ..) => return Err(refused(&Value::Null, Fault::Null)),
        (value, ..) => {
            let error = refused(&value, Fault::Type);
            Proto::String(text(value, ty).ok_or(error)?)
        }
    })
}

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
