//! The text of a column value.

use chrono::SecondsFormat;
use spanbridge_protocol::value::{Type, Value};

/// The text of a column value, for a format that has no other form for its type.
///
/// A NUMERIC is in its shortest form, a TIMESTAMP in RFC 3339 and UTC with 0, 3, 6 or 9 digits of the second, and a
/// DATE in `YYYY-MM-DD`. `None` for other types, and if the value is not of type `ty`.
pub(crate) fn literal(value: Value, ty: &Type) -> Option<String> {
    Some(match (value, ty) {
        (Value::Numeric(value), Type::Numeric) => value.to_string(),
        (Value::String(text), Type::String | Type::Uuid) | (Value::Json(text), Type::Json) => text,
        (Value::Date(day), Type::Date) => day.to_string(),
        (Value::Timestamp(at), Type::Timestamp) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        _ => return None,
    })
}
