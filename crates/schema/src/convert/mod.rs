//! Avro values to values of a Spanner column, only without loss.
//!
//! | Avro | Spanner | when |
//! | --- | --- | --- |
//! | null, a union's null | any | always NULL; NOT NULL is Spanner's to refuse |
//! | a union's other branch | as that branch | |
//! | boolean | BOOL | |
//! | int, long | INT64, NUMERIC | |
//! | int, long | FLOAT64, FLOAT32 | the float is exactly that number |
//! | float | FLOAT64, FLOAT32 | NaN and infinities too |
//! | double | FLOAT64 | NaN and infinities too |
//! | double | FLOAT32 | it is exactly that number, or NaN |
//! | string, enum | STRING | |
//! | string, enum | TIMESTAMP | RFC 3339 with offset, nanoseconds at most, years 1 to 9999 in UTC |
//! | string, enum | DATE | `YYYY-MM-DD`, years 1 to 9999 |
//! | string, enum | NUMERIC | a decimal number of 29 digits before and 9 behind the point at most |
//! | string, enum | JSON | it parses |
//! | string, enum | UUID | it parses; stored in canonical form |
//! | bytes, fixed | BYTES | |
//! | date | DATE | years 1 to 9999 |
//! | timestamp-millis, -micros, -nanos | TIMESTAMP | years 1 to 9999 |
//! | decimal (bytes, fixed), big-decimal | NUMERIC | it has NUMERIC's digits |
//! | uuid | UUID, STRING | canonical form |
//! | array | ARRAY | each item converts; items may be null |
//!
//! All else is refused: a local timestamp names no instant, a plain long has no unit, a float is no
//! decimal number.

mod decimal;
mod error;
mod field;
mod number;
mod text;
mod time;

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as AvroValue;
use spanbridge_protocol::value::{Float, Type, Value};

pub use error::{ConvertError, Fault};
pub use field::{branch, field};
pub(crate) use number::narrow;

/// Converts a value, with its schema, to a value of a column of that type.
///
/// The schema matters for decimals, whose scale it holds.
pub fn to_spanner(value: &AvroValue, schema: &AvroSchema, ty: &Type) -> Result<Value, ConvertError> {
    let (value, schema) = branch(value, schema);
    let converted = match (value, ty) {
        (AvroValue::Null, _) => Ok(Value::Null),
        (AvroValue::Boolean(value), Type::Bool) => Ok(Value::Bool(*value)),
        (AvroValue::Int(value), ty) => number::integer(i64::from(*value), ty),
        (AvroValue::Long(value), ty) => number::integer(*value, ty),
        (AvroValue::Float(value), Type::Float64 | Type::Float32) => {
            Ok(Value::Float64(Float(f64::from(*value))))
        }
        (AvroValue::Double(value), Type::Float64) => Ok(Value::Float64(Float(*value))),
        (AvroValue::Double(value), Type::Float32) => match narrow(*value) {
            Some(narrow) => Ok(Value::Float64(Float(f64::from(narrow)))),
            None => Err(Fault::Precision),
        },
        (AvroValue::String(text) | AvroValue::Enum(_, text), ty) => text::parse(text, ty),
        (AvroValue::Bytes(bytes) | AvroValue::Fixed(_, bytes), Type::Bytes) => {
            Ok(Value::Bytes(bytes.clone()))
        }
        (AvroValue::Date(days), Type::Date) => time::date(*days),
        (AvroValue::TimestampMillis(at), Type::Timestamp) => time::timestamp(*at, time::Unit::Millis),
        (AvroValue::TimestampMicros(at), Type::Timestamp) => time::timestamp(*at, time::Unit::Micros),
        (AvroValue::TimestampNanos(at), Type::Timestamp) => time::timestamp(*at, time::Unit::Nanos),
        (AvroValue::Decimal(value), Type::Numeric) => decimal::decimal(value, schema),
        (AvroValue::BigDecimal(value), Type::Numeric) => decimal::big(value),
        (AvroValue::Uuid(uuid), Type::Uuid | Type::String) => Ok(Value::String(uuid.to_string())),
        (AvroValue::Array(items), Type::Array(item)) => {
            let AvroSchema::Array(array) = schema else {
                return Err(ConvertError::to_spanner(value, ty, Fault::Type));
            };
            return items
                .iter()
                .map(|value| to_spanner(value, &array.items, item))
                .collect::<Result<_, _>>()
                .map(Value::Array);
        }
        _ => Err(Fault::Type),
    };
    converted.map_err(|fault| ConvertError::to_spanner(value, ty, fault))
}

#[cfg(test)]
mod tests;
