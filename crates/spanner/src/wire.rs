//! Conversion of values to and from the client library's types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use google_cloud_spanner::types;
use google_cloud_spanner::value::{Timestamp as WireTimestamp, Value as Wire};
use spanbridge_protocol::value::{Date, Float, Timestamp, Type, Value};

use crate::error::{Error, Result};

/// The placeholder for the commit timestamp.
/// Source: <https://cloud.google.com/spanner/docs/commit-timestamp>.
const COMMIT_TIMESTAMP: &str = "spanner.commit_timestamp()";

/// Encodes a value for Spanner's API.
/// Source of the encodings: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#typecode>.
pub(crate) fn encode(value: Value) -> Wire {
    match value {
        Value::Null => Wire::null(),
        Value::Bool(value) => value.into(),
        Value::Int64(value) => value.into(),
        Value::Float64(Float(value)) => value.into(),
        Value::Numeric(value) => value.to_string().into(),
        Value::String(value) | Value::Json(value) => value.into(),
        Value::Bytes(value) => bytes_text(&value).into(),
        Value::Date(value) => date_text(value).into(),
        Value::Timestamp(value) => timestamp_text(value).into(),
        Value::Array(items) => items.into_iter().map(encode).collect::<Vec<Wire>>().into(),
        Value::CommitTimestamp => COMMIT_TIMESTAMP.to_owned().into(),
    }
}

pub(crate) fn bytes_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn date_text(date: Date) -> String {
    date.format("%Y-%m-%d").to_string()
}

pub(crate) fn timestamp_text(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Decodes the value of a column of type `ty`.
pub(crate) fn decode(ty: &Type, wire: Wire) -> Result<Value> {
    if wire.is_null() {
        return Ok(Value::Null);
    }
    let value = match ty {
        Type::Bool => wire.as_bool().map(Value::Bool),
        Type::Float32 | Type::Float64 if wire.as_f64().is_some() => {
            wire.as_f64().map(|value| float(ty, value))
        }
        Type::Array(item) => match wire.into_list() {
            Some(items) => {
                let items = items.into_values().into_iter().map(|value| decode(item, value));
                Some(Value::Array(items.collect::<Result<_>>()?))
            }
            None => None,
        },
        _ => wire.into_string().and_then(|text| from_text(ty, text)),
    };
    value.ok_or_else(|| Error::bug("decode", format!("a value does not have its column's type {ty}")))
}

/// Parses the value of a type that is encoded as text; `None` when the text is not of the type.
pub(crate) fn from_text(ty: &Type, text: String) -> Option<Value> {
    Some(match ty {
        Type::Int64 | Type::Enum(_) => Value::Int64(text.parse().ok()?),
        Type::Numeric => Value::Numeric(text.parse().ok()?),
        Type::String | Type::Uuid => Value::String(text),
        Type::Json => Value::Json(text),
        Type::Bytes | Type::Proto(_) => Value::Bytes(STANDARD.decode(text).ok()?),
        Type::Date => Value::Date(text.parse::<Date>().ok()?),
        Type::Timestamp => Value::Timestamp(timestamp(&text)?),
        Type::Float32 | Type::Float64 => Value::Float64(Float(match text.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        })),
        Type::Bool | Type::Array(_) => return None,
    })
}

/// Returns a float of type `ty`. The JSON number of a FLOAT32 may have only the digits of a FLOAT32.
pub(crate) fn float(ty: &Type, value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "a FLOAT32 is what it holds")]
    let value = if *ty == Type::Float32 { f64::from(value as f32) } else { value };
    Value::Float64(Float(value))
}

/// Parses an RFC 3339 timestamp.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// Converts to the client library's timestamp.
pub(crate) fn wire_timestamp(time: Timestamp) -> Result<WireTimestamp> {
    i32::try_from(time.timestamp_subsec_nanos())
        .ok()
        .and_then(|nanos| WireTimestamp::new(time.timestamp(), nanos).ok())
        .ok_or_else(|| {
            Error::bug("encode", format!("{time} is outside Spanner's range, the years 1 to 9999"))
        })
}

/// Converts to the protocol's timestamp.
pub(crate) fn protocol_timestamp(time: WireTimestamp) -> Option<Timestamp> {
    Timestamp::from_timestamp(time.seconds(), u32::try_from(time.nanos()).ok()?)
}

/// Converts to the client library's type of a parameter.
pub(crate) fn wire_type(ty: &Type) -> types::Type {
    match ty {
        Type::Bool => types::bool(),
        Type::Int64 => types::int64(),
        Type::Float32 => types::float32(),
        Type::Float64 => types::float64(),
        Type::Numeric => types::numeric(),
        Type::String => types::string(),
        Type::Bytes => types::bytes(),
        Type::Date => types::date(),
        Type::Timestamp => types::timestamp(),
        Type::Json => types::json(),
        Type::Uuid => types::uuid(),
        Type::Proto(name) => types::proto(name),
        Type::Enum(name) => types::proto_enum(name),
        Type::Array(item) => types::array(wire_type(item)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let nan = Value::Float64(Float(f64::NAN));
        for (ty, value) in [
            (Type::Bool, Value::Bool(true)),
            (Type::Int64, Value::Int64(i64::MIN)),
            (Type::Float64, Value::Float64(Float(0.1))),
            (Type::Float64, nan.clone()),
            (Type::Float32, Value::Float64(Float(f64::from(0.1_f32)))),
            (Type::Numeric, Value::Numeric("-12.000000001".parse().unwrap())),
            (Type::String, "ä".into()),
            (Type::Bytes, Value::Bytes(vec![0, 255, 7])),
            (Type::Date, Value::Date("0001-01-01".parse().unwrap())),
            (Type::Timestamp, Value::Timestamp(timestamp("9999-12-31T23:59:59.999999999Z").unwrap())),
            (Type::Json, Value::Json("{\"a\":1}".into())),
            (Type::Array(Box::new(Type::Float64)), Value::Array(vec![nan, Value::Null])),
            (Type::Int64, Value::Null),
        ] {
            assert_eq!(decode(&ty, encode(value.clone())).unwrap(), value, "{ty}");
        }
    }

    #[test]
    fn type_error_contains_no_value() {
        let error = decode(&Type::Int64, encode("secret".into())).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
