//! Column values in the JSON of change records.

use serde_json::Value as Json;
use spanbridge_protocol::value::{Float, Type, Value};

use crate::error::{Error, Result};
use crate::wire::{bytes_text, date_text, float, from_text, timestamp_text};

/// Decodes the value of a column in the JSON of a change record: INT64 and NUMERIC as text, BYTES in base64,
/// FLOAT64 as a number or `"NaN"`, `"Infinity"`, `"-Infinity"`, JSON as its text.
///
/// # Errors
/// [`ErrorKind::Bug`](crate::ErrorKind::Bug) when the JSON is not of type `ty`.
///
/// Source: <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
pub fn decode_column(ty: &Type, json: &Json) -> Result<Value> {
    let value = match (ty, json) {
        (_, Json::Null) => Some(Value::Null),
        (Type::Json, Json::String(text)) => Some(Value::Json(text.clone())),
        (Type::Json, json) => Some(Value::Json(json.to_string())),
        (Type::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (Type::Float32 | Type::Float64, Json::Number(number)) => {
            number.as_f64().map(|value| float(ty, value))
        }
        (Type::Int64 | Type::Enum(_), Json::Number(number)) => number.as_i64().map(Value::Int64),
        (Type::Array(item), Json::Array(items)) => {
            let items = items.iter().map(|json| decode_column(item, json));
            Some(Value::Array(items.collect::<Result<_>>()?))
        }
        (_, Json::String(text)) => from_text(ty, text.clone()),
        _ => None,
    };
    value.ok_or_else(|| Error::bug("change record", format!("a value does not have its column's type {ty}")))
}

/// Encodes a column's value as JSON, in the form that [`decode_column`] reads.
///
/// # Errors
/// [`ErrorKind::Bug`](crate::ErrorKind::Bug) for a commit timestamp, which is unknown before the commit.
pub fn encode_column(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int64(value) => Json::String(value.to_string()),
        // JSON has no numbers for these.
        Value::Float64(Float(value)) => match *value {
            f64::INFINITY => "Infinity".into(),
            f64::NEG_INFINITY => "-Infinity".into(),
            value if value.is_nan() => "NaN".into(),
            value => value.into(),
        },
        Value::Numeric(value) => Json::String(value.to_string()),
        Value::String(text) | Value::Json(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => bytes_text(bytes).into(),
        Value::Date(date) => date_text(*date).into(),
        Value::Timestamp(at) => timestamp_text(*at).into(),
        Value::Array(items) => Json::Array(items.iter().map(encode_column).collect::<Result<_>>()?),
        Value::CommitTimestamp => {
            return Err(Error::bug("encode", "a commit timestamp is not known before its commit"));
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn column_values_round_trip() {
        let strings = Type::Array(Box::new(Type::String));
        for (ty, json, value) in [
            (Type::Int64, json!("9223372036854775807"), Value::Int64(i64::MAX)),
            (Type::Numeric, json!("1.5"), Value::Numeric("1.5".parse().unwrap())),
            (Type::Bytes, json!("AP8="), Value::Bytes(vec![0, 255])),
            (Type::Float64, json!(0.1), Value::Float64(Float(0.1))),
            (Type::Float32, json!(0.1), Value::Float64(Float(f64::from(0.1_f32)))),
            (Type::Float64, json!("-Infinity"), Value::Float64(Float(f64::NEG_INFINITY))),
            (Type::Date, json!("2013-01-31"), Value::Date("2013-01-31".parse().unwrap())),
            (Type::Bool, json!(false), Value::Bool(false)),
            (Type::Json, json!("{\"a\":1}"), Value::Json("{\"a\":1}".into())),
            (strings, json!(["a", null]), Value::Array(vec!["a".into(), Value::Null])),
            (Type::String, Json::Null, Value::Null),
        ] {
            assert_eq!(decode_column(&ty, &json).unwrap(), value, "{ty} {json}");
            assert_eq!(
                decode_column(&ty, &encode_column(&value).unwrap()).unwrap(),
                value,
                "{ty}, encoded again"
            );
        }
        let time = decode_column(&Type::Timestamp, &json!("2013-01-31T10:00:00.123456789Z")).unwrap();
        let Value::Timestamp(time) = time else { panic!("{time:?}") };
        assert_eq!(time.timestamp_subsec_nanos(), 123_456_789);
        let error = decode_column(&Type::Date, &json!("secret")).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_float_keeps_its_last_bit() {
        let json: Json = serde_json::from_str("0.12345678901234567890e-3").unwrap();
        let expected = Value::Float64(Float("0.12345678901234567890e-3".parse().unwrap()));
        assert_eq!(decode_column(&Type::Float64, &json).unwrap(), expected);
    }
}
