//! Conversion between datums and Spanner column values, only without loss.
//!
//! ```text
//! Datum  ──to_spanner──▶ Value, or ConvertError   (each record)
//! Shape  ──check_fit───▶ Fit                      (once, when a pipeline is checked or compiled)
//! Value  ──literal─────▶ text                     (publish, for types that a format lacks)
//! ```
//!
//! `docs/reference/values.md` lists the rules type by type. [`to_spanner`] applies them to a value: it never rounds, wraps,
//! truncates or guesses, and null becomes NULL of any type. [`check_fit`] applies the same rules to the shape of a schema;
//! a property test holds the two together. Ingest calls both. Nothing here knows the column's constraints: Spanner
//! itself rejects a NULL in a NOT NULL column and a value that is too long.

mod error;
mod fit;
mod literal;
mod number;
mod text;
mod time;

use spanbridge_protocol::value::{Float, Type, Value};

use crate::datum::{self, Datum, JsonError, Symbol};

pub use error::{ConvertError, ConvertErrorKind};
pub use fit::{Fit, check_fit};
pub(crate) use literal::literal;
pub(crate) use number::to_float32;

/// Converts a value to a column of type `ty`. Null converts to NULL of every type.
///
/// # Errors
/// [`ConvertError`] if the column cannot hold the value without loss, or if no conversion exists between the two types.
pub fn to_spanner(value: &Datum, ty: &Type) -> Result<Value, ConvertError> {
    let converted = match (value, ty) {
        (Datum::Null, _) => Ok(Value::Null),
        (Datum::Invalid(why), _) => Err(ConvertErrorKind::Invalid(why)),
        (Datum::Bool(value), Type::Bool) => Ok(Value::Bool(*value)),
        (Datum::List(items), Type::Array(item)) => {
            return items
                .iter()
                .map(|value| to_spanner(value, item))
                .collect::<Result<_, _>>()
                .map(Value::Array);
        }
        (Datum::Enum(symbol), Type::Enum(_)) => {
            symbol.number.map(|number| Value::Int64(number.into())).ok_or(ConvertErrorKind::Type)
        }
        (Datum::Int(number), Type::Enum(_)) => match i32::try_from(*number) {
            Ok(number) => Ok(Value::Int64(number.into())),
            Err(_) => Err(ConvertErrorKind::Range),
        },
        // Spanner would accept the bytes of another message type and read them as something else.
        (Datum::Record(record), Type::Proto(name)) => match record.encoded() {
            Some(message) if *message.name == **name => Ok(Value::Bytes(message.bytes.clone())),
            _ => Err(ConvertErrorKind::Type),
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
        ) => datum::to_json(value).map(Value::Json).map_err(|error| match error {
            JsonError::Range => ConvertErrorKind::Range,
            JsonError::Precision => ConvertErrorKind::Precision,
            JsonError::Invalid(why) => ConvertErrorKind::Invalid(why),
        }),
        (Datum::Int(value), ty) => number::integer(i128::from(*value), ty),
        (Datum::UInt(value), ty) => number::integer(i128::from(*value), ty),
        (Datum::Float(value), Type::Float64 | Type::Float32) => Ok(Value::Float64(Float(f64::from(*value)))),
        (Datum::Double(value), Type::Float64) => Ok(Value::Float64(Float(*value))),
        (Datum::Double(value), Type::Float32) => match to_float32(*value) {
            Some(float) => Ok(Value::Float64(Float(f64::from(float)))),
            None => Err(ConvertErrorKind::Precision),
        },
        (Datum::Number(value) | Datum::Decimal(value), Type::Numeric) => number::numeric(value),
        (Datum::Number(value) | Datum::Decimal(value), Type::Int64) => number::int64(value),
        (Datum::Number(value), Type::Float64 | Type::Float32) => number::float(value, ty),
        (Datum::Bytes(bytes), Type::Bytes) => Ok(Value::Bytes(bytes.clone())),
        (Datum::Date(days), Type::Date) => time::date(*days),
        (Datum::Timestamp(at), Type::Timestamp) => {
            at.to_utc().map(Value::Timestamp).ok_or(ConvertErrorKind::Range)
        }
        (Datum::Uuid(uuid), Type::Uuid | Type::String) => Ok(Value::String(uuid.to_string())),
        (Datum::Time(nanos), Type::String) => time::time_of_day(*nanos),
        (Datum::LocalTimestamp(at), Type::String) => time::local(*at),
        (Datum::Duration(period), Type::String) => Ok(Value::String(period.to_string())),
        _ => Err(ConvertErrorKind::Type),
    };
    converted.map_err(|kind| ConvertError::to_spanner(value, ty, kind))
}

#[cfg(test)]
mod tests;
