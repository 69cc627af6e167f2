//! Decoded values to values of a Spanner column, only without loss. The rules, type by type, are in
//! docs/reference/values.md; [`to_spanner`] applies them to a value and [`fits`] to what a schema says.

mod error;
mod fits;
mod number;
mod text;
mod time;

use spanbridge_protocol::value::{Float, Type, Value};

use crate::datum::{Datum, Symbol, Unfit};

pub use error::{ConvertError, Fault};
pub use fits::{Fit, fits};
pub(crate) use number::narrow;

/// Converts a value to a value of a column of that type.
///
/// Null is NULL for each type; NOT NULL is Spanner's to refuse.
pub fn to_spanner(value: &Datum, ty: &Type) -> Result<Value, ConvertError> {
    let converted = match (value, ty) {
        (Datum::Null, _) => Ok(Value::Null),
        (Datum::Bool(value), Type::Bool) => Ok(Value::Bool(*value)),
        (Datum::List(items), Type::Array(item)) => {
            return items
                .iter()
                .map(|value| to_spanner(value, item))
                .collect::<Result<_, _>>()
                .map(Value::Array);
        }
        (Datum::Enum(symbol), Type::Enum(_)) => {
            symbol.number.map(|number| Value::Int64(number.into())).ok_or(Fault::Type)
        }
        (Datum::Int(number), Type::Enum(_)) => match i32::try_from(*number) {
            Ok(number) => Ok(Value::Int64(number.into())),
            Err(_) => Err(Fault::Range),
        },
        // A message of another type would be taken by Spanner, and read as something else.
        (Datum::Record(record), Type::Proto(name)) => match record.encoded() {
            Some(message) if *message.name == **name => Ok(Value::Bytes(message.bytes.clone())),
            _ => Err(Fault::Type),
        },
        (Datum::Bytes(bytes), Type::Proto(_)) => Ok(Value::Bytes(bytes.clone())),
        (Datum::String(text) | Datum::Enum(Symbol { name: text, .. }), ty) => text::parse(text, ty),
        (
            Datum::Bool(_)
            | Datum::Int(_)
            | Datum::UInt(_)
            | Datum::Float(_)
            | Datum::Double(_)
            | Datum::Number(_)
            | Datum::Decimal(_)
            | Datum::List(_)
            | Datum::Record(_)
            | Datum::Map(_),
            Type::Json,
        ) => value.json().map(Value::Json).map_err(|unfit| match unfit {
            Unfit::Range => Fault::Range,
            Unfit::Precision => Fault::Precision,
        }),
        (Datum::Int(value), ty) => number::integer(i128::from(*value), ty),
        (Datum::UInt(value), ty) => number::integer(i128::from(*value), ty),
        (Datum::Float(value), Type::Float64 | Type::Float32) => Ok(Value::Float64(Float(f64::from(*value)))),
        (Datum::Double(value), Type::Float64) => Ok(Value::Float64(Float(*value))),
        (Datum::Double(value), Type::Float32) => match narrow(*value) {
            Some(narrow) => Ok(Value::Float64(Float(f64::from(narrow)))),
            None => Err(Fault::Precision),
        },
        (Datum::Number(value) | Datum::Decimal(value), Type::Numeric) => number::numeric(value),
        (Datum::Number(value) | Datum::Decimal(value), Type::Int64) => number::whole(value),
        (Datum::Number(value), Type::Float64 | Type::Float32) => number::float(value, ty),
        (Datum::Bytes(bytes), Type::Bytes) => Ok(Value::Bytes(bytes.clone())),
        (Datum::Date(days), Type::Date) => time::date(*days),
        (Datum::Timestamp(at), Type::Timestamp) => at.to_utc().map(Value::Timestamp).ok_or(Fault::Range),
        (Datum::Uuid(uuid), Type::Uuid | Type::String) => Ok(Value::String(uuid.to_string())),
        (Datum::Time(nanos), Type::String) => time::of_day(*nanos),
        (Datum::LocalTimestamp(at), Type::String) => time::local(*at),
        (Datum::Duration(period), Type::String) => Ok(Value::String(period.to_string())),
        _ => Err(Fault::Type),
    };
    converted.map_err(|fault| ConvertError::to_spanner(value, ty, fault))
}

#[cfg(test)]
mod tests;
