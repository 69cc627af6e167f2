//! Conversion of column values from and to the API's types.
//!
//! Source of the encodings: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#typecode>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{Type as WireType, TypeCode};
use prost_types::value::Kind;
use prost_types::{ListValue, Value as Wire};
use spanbridge_protocol::value::{Date, Float, Timestamp, Type, Value};

use crate::refusal::{Error, Result};
use crate::schema::{Column, Table};

/// The placeholder for the commit timestamp.
/// Source: <https://cloud.google.com/spanner/docs/commit-timestamp>.
const COMMIT_TIMESTAMP: &str = "spanner.commit_timestamp()";

/// Decodes the value of a column. NULL is accepted here: the kind of write decides whether it is allowed.
///
/// # Errors
/// `FAILED_PRECONDITION` for a value of another type, or longer than the column.
pub(crate) fn accept(table: &Table, column: &Column, wire: &Wire) -> Result<Value> {
    let value = decode(&column.ty, wire).ok_or_else(|| {
        let (column, ty, table) = (&column.name, &column.ty, table.full_name());
        Error::precondition(format!("Invalid value for column {column} in table {table}: Expected {ty}."))
    })?;
    if let Some(limit) = column.limit
        && let Some(size) = longest(&value).filter(|size| *size > limit)
    {
        return Err(Error::precondition(format!(
            "New value exceeds the maximum size limit for this column: {}.{}, size: {size}, limit: {limit}.",
            table.full_name(),
            column.name
        )));
    }
    Ok(value)
}

/// Returns the characters of a STRING, the bytes of BYTES, or the maximum over the items of an array.
fn longest(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Bytes(bytes) => Some(bytes.len()),
        Value::Array(items) => items.iter().filter_map(longest).max(),
        _ => None,
    }
}

fn decode(ty: &Type, wire: &Wire) -> Option<Value> {
    let value = match (wire.kind.as_ref()?, ty) {
        (Kind::NullValue(_), _) => Value::Null,
        (Kind::BoolValue(value), Type::Bool) => Value::Bool(*value),
        (Kind::NumberValue(value), Type::Float64) => Value::Float64(Float(*value)),
        (Kind::NumberValue(value), Type::Float32) => narrow(*value),
        (Kind::ListValue(list), Type::Array(item)) => {
            Value::Array(list.values.iter().map(|value| decode(item, value)).collect::<Option<_>>()?)
        }
        (Kind::StringValue(text), _) => from_text(ty, text)?,
        _ => return None,
    };
    Some(value)
}

fn from_text(ty: &Type, text: &str) -> Option<Value> {
    Some(match ty {
        Type::Int64 | Type::Enum(_) => Value::Int64(text.parse().ok()?),
        Type::Numeric => Value::Numeric(text.parse().ok()?),
        Type::String => Value::String(text.to_owned()),
        Type::Uuid => Value::String(text.to_ascii_lowercase()),
        Type::Json => Value::Json(serde_json::from_str::<serde_json::Value>(text).ok()?.to_string()),
        Type::Bytes | Type::Proto(_) => Value::Bytes(STANDARD.decode(text).ok()?),
        Type::Date => Value::Date(text.parse::<Date>().ok()?),
        Type::Timestamp if text == COMMIT_TIMESTAMP => Value::CommitTimestamp,
        Type::Timestamp => Value::Timestamp(chrono::DateTime::parse_from_rfc3339(text).ok()?.to_utc()),
        Type::Float64 | Type::Float32 => Value::Float64(Float(match text {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        })),
        Type::Bool | Type::Array(_) => return None,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a FLOAT32 has this precision")]
fn narrow(value: f64) -> Value {
    Value::Float64(Float(f64::from(value as f32)))
}

/// Encodes a value for the API.
pub(crate) fn emit(value: &Value) -> Wire {
    let text = |text: String| Kind::StringValue(text);
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Int64(value) => text(value.to_string()),
        Value::Float64(Float(value)) if value.is_nan() => text("NaN".to_owned()),
        Value::Float64(Float(value)) if value.is_infinite() => {
            text(if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
        Value::Float64(Float(value)) => Kind::NumberValue(*value),
        Value::Numeric(value) => text(value.to_string()),
        Value::String(value) | Value::Json(value) => text(value.clone()),
        Value::Bytes(value) => text(STANDARD.encode(value)),
        Value::Date(value) => text(value.format("%Y-%m-%d").to_string()),
        Value::Timestamp(value) => text(value.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(emit).collect() }),
        Value::CommitTimestamp => text(COMMIT_TIMESTAMP.to_owned()),
    };
    Wire { kind: Some(kind) }
}

pub(crate) fn wire_type(ty: &Type) -> WireType {
    let (code, item) = match ty {
        Type::Bool => (TypeCode::Bool, None),
        Type::Int64 => (TypeCode::Int64, None),
        Type::Float32 => (TypeCode::Float32, None),
        Type::Float64 => (TypeCode::Float64, None),
        Type::Numeric => (TypeCode::Numeric, None),
        Type::String => (TypeCode::String, None),
        Type::Bytes => (TypeCode::Bytes, None),
        Type::Date => (TypeCode::Date, None),
        Type::Timestamp => (TypeCode::Timestamp, None),
        Type::Json => (TypeCode::Json, None),
        Type::Uuid => (TypeCode::Uuid, None),
        Type::Proto(_) => (TypeCode::Proto, None),
        Type::Enum(_) => (TypeCode::Enum, None),
        Type::Array(item) => (TypeCode::Array, Some(Box::new(wire_type(item)))),
    };
    let name = match ty {
        Type::Proto(name) | Type::Enum(name) => name.clone(),
        _ => String::new(),
    };
    WireType { code: code.into(), array_element_type: item, proto_type_fqn: name, ..WireType::default() }
}

pub(crate) fn wire_timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(0),
    }
}
