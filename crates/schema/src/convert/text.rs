//! Text as a literal of a column type.

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::IgnoredAny;
use spanbridge_protocol::value::{Numeric, Type, Value};
use uuid::Uuid;

use super::{ConvertErrorKind, number, time};

/// Parses a string, or the symbol of an enum, as a literal of type `ty`.
pub(super) fn parse(text: &str, ty: &Type) -> Result<Value, ConvertErrorKind> {
    match ty {
        Type::String => Ok(Value::String(text.to_owned())),
        Type::Timestamp => timestamp(text),
        Type::Date => date(text),
        Type::Numeric => text.parse::<Numeric>().map(Value::Numeric).map_err(number::numeric_error),
        Type::Json => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(Value::Json(text.to_owned())),
            Err(_) => Err(ConvertErrorKind::Syntax),
        },
        Type::Uuid => match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Value::String(uuid.to_string())),
            Err(_) => Err(ConvertErrorKind::Syntax),
        },
        _ => Err(ConvertErrorKind::Type),
    }
}

/// Parses RFC 3339 with an offset, such as `2013-01-01T10:00:00.5+01:00`.
fn timestamp(text: &str) -> Result<Value, ConvertErrorKind> {
    // chrono drops the digits after the ninth.
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if fraction.bytes().take(digits).skip(9).any(|digit| digit != b'0') {
        return Err(ConvertErrorKind::Precision);
    }
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| ConvertErrorKind::Syntax)?;
    time::in_range(at.with_timezone(&Utc))
}

/// Parses `YYYY-MM-DD`.
fn date(text: &str) -> Result<Value, ConvertErrorKind> {
    // chrono also accepts "+10000-1-1".
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_date {
        return Err(ConvertErrorKind::Syntax);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| ConvertErrorKind::Syntax)?;
    time::day_in_range(day)
}
