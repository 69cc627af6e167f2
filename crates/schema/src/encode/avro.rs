use apache_avro::Decimal;
use apache_avro::types::Value as Avro;
use spanbridge_protocol::value::{Timestamp, Type, Value};

use super::text::text;
use super::{Item, mismatch, within};
use crate::Result;
use crate::convert::{ConvertError, Fault};
use crate::definition::{Field, Node, Presence, Record, Style, Timestamps};

/// The Avro value of a record's fields.
pub(super) fn record(record: &Record, fields: Vec<Item>) -> Result<Avro> {
    let fields = record.fields().iter().zip(fields).map(|(field, item)| {
        let value = of_field(field, item).map_err(|error| within(&field.name, error))?;
        Ok((field.name.clone(), value))
    });
    fields.collect::<Result<_>>().map(Avro::Record)
}

fn of_field(field: &Field, item: Item) -> Result<Avro> {
    let null = item.is_null();
    Ok(match field.presence {
        Presence::Required => of_node(&field.node, item)?,
        Presence::Optional if null => branch(0, Avro::Null),
        Presence::Optional => branch(1, of_node(&field.node, item)?),
        Presence::Defaulted(_) if null => branch(1, Avro::Null),
        Presence::Defaulted(_) => branch(0, of_node(&field.node, item)?),
    })
}

fn branch(index: u32, value: Avro) -> Avro {
    Avro::Union(index, Box::new(value))
}

fn of_node(node: &Node, item: Item) -> Result<Avro> {
    match (node, item) {
        (Node::Value(ty, style), Item::Value(value)) => Ok(of_value(value, ty, *style)?),
        (Node::Int32, Item::Value(Value::Int64(number))) => {
            i32::try_from(number).map(Avro::Int).map_err(|_| mismatch())
        }
        (Node::Snapshot, Item::Value(Value::String(word))) => Ok(Avro::String(word)),
        (Node::Names, Item::Value(Value::Array(names))) => {
            let name = |name| match name {
                Value::String(name) => Ok(Avro::String(name)),
                _ => Err(mismatch()),
            };
            names.into_iter().map(name).collect::<Result<_>>().map(Avro::Array)
        }
        (Node::Record(of), Item::Record(fields)) => record(of, fields),
        (Node::Records(of), Item::Records(items)) => {
            let items = items.into_iter().map(|item| match item {
                Item::Record(fields) => record(of, fields),
                _ => Err(mismatch()),
            });
            items.collect::<Result<_>>().map(Avro::Array)
        }
        _ => Err(mismatch()),
    }
}

/// A value that is not null; items of an array are `["null", T]`.
fn of_value(value: Value, ty: &Type, style: Style) -> std::result::Result<Avro, ConvertError> {
    let refused = |value: &Value, fault| ConvertError::encode(value, ty, fault);
    Ok(match (value, ty, style) {
        (Value::Bool(value), Type::Bool, _) => Avro::Boolean(value),
        (Value::Int64(value), Type::Int64 | Type::Enum(_), _) => Avro::Long(value),
        (Value::Float64(value), Type::Float64, _) => Avro::Double(value.0),
        (Value::Float64(value), Type::Float32, _) => crate::convert::narrow(value.0)
            .map(Avro::Float)
            .ok_or_else(|| refused(&Value::Float64(value), Fault::Precision))?,
        (Value::Bytes(bytes), Type::Bytes | Type::Proto(_), _) => Avro::Bytes(bytes),
        (Value::Array(items), Type::Array(item), _) => {
            let items = items.into_iter().map(|value| match value {
                Value::Null => Ok(branch(0, Avro::Null)),
                value => of_value(value, item, style).map(|value| branch(1, value)),
            });
            Avro::Array(items.collect::<std::result::Result<_, _>>()?)
        }
        (Value::Numeric(value), Type::Numeric, Style::Native(_)) => {
            Avro::Decimal(Decimal::from(twos_complement(value.billionths())))
        }
        (Value::Date(day), Type::Date, Style::Native(_)) => {
            let days = (day - chrono::NaiveDate::default()).num_days();
            // Spanner's years fit 32 bits of days.
            Avro::Date(i32::try_from(days).map_err(|_| refused(&Value::Date(day), Fault::Range))?)
        }
        (Value::String(text), Type::Uuid, Style::Native(_)) => match uuid::Uuid::try_parse(&text) {
            Ok(uuid) => Avro::Uuid(uuid),
            Err(_) => return Err(refused(&Value::String(text), Fault::Syntax)),
        },
        (Value::Timestamp(at), Type::Timestamp, Style::Native(Timestamps::Micros)) => {
            micros(at).map(Avro::TimestampMicros).map_err(|fault| refused(&Value::Timestamp(at), fault))?
        }
        (Value::Timestamp(at), Type::Timestamp, Style::Native(Timestamps::Nanos)) => {
            let nanos = at.timestamp_nanos_opt();
            Avro::TimestampNanos(nanos.ok_or_else(|| refused(&Value::Timestamp(at), Fault::Range))?)
        }
        (Value::Null, ..) => return Err(refused(&Value::Null, Fault::Null)),
        (value, ..) => {
            let error = refused(&value, Fault::Type);
            Avro::String(text(value, ty).ok_or(error)?)
        }
    })
}

fn micros(at: Timestamp) -> std::result::Result<i64, Fault> {
    if at.timestamp_subsec_nanos().is_multiple_of(1_000) {
        Ok(at.timestamp_micros())
    } else {
        Err(Fault::Precision)
    }
}

/// Big-endian, in as few bytes as hold the sign.
fn twos_complement(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let filling = if value < 0 { 0xff } else { 0 };
    let mut start = bytes.iter().take_while(|byte| **byte == filling).count().min(bytes.len() - 1);
    let sign = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0x80 != 0);
    if start > 0 && sign(start) != (value < 0) {
        start -= 1;
    }
    bytes[start..].to_vec()
}
