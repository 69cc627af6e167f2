use chrono::SecondsFormat;
use spanbridge_protocol::value::{Type, Value};

/// The text of a value whose type a format has no other form for: NUMERIC in its shortest form, TIMESTAMP in
/// RFC 3339 and UTC with 0, 3, 6 or 9 digits of fraction, DATE as `YYYY-MM-DD`. Nothing for other types.
pub(super) fn text(value: Value, ty: &Type) -> Option<String> {
    Some(match (value, ty) {
        (Value::Numeric(value), Type::Numeric) => value.to_string(),
        (Value::String(text), Type::String | Type::Uuid) | (Value::Json(text), Type::Json) => text,
        (Value::Date(day), Type::Date) => day.to_string(),
        (Value::Timestamp(at), Type::Timestamp) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        _ => return None,
    })
}
