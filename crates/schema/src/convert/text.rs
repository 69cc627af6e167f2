use chrono::{DateTime, NaiveDate, Utc};
use serde::de::IgnoredAny;
use spanbridge_protocol::value::{Numeric, Type, Value};
use uuid::Uuid;

use super::{Fault, number, time};

/// A string or an enum's symbol as a literal of that type.
pub(super) fn parse(text: &str, ty: &Type) -> Result<Value, Fault> {
    match ty {
        Type::String => Ok(Value::String(text.to_owned())),
        Type::Timestamp => timestamp(text),
        Type::Date => date(text),
        Type::Numeric => text.parse::<Numeric>().map(Value::Numeric).map_err(number::fault),
        Type::Json => match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(Value::Json(text.to_owned())),
            Err(_) => Err(Fault::Syntax),
        },
        Type::Uuid => match Uuid::parse_str(text) {
            Ok(uuid) => Ok(Value::String(uuid.to_string())),
            Err(_) => Err(Fault::Syntax),
        },
        _ => Err(Fault::Type),
    }
}

fn timestamp(text: &str) -> Result<Value, Fault> {
    // chrono drops digits behind the ninth.
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    if fraction.bytes().take(digits).skip(9).any(|digit| digit != b'0') {
        return Err(Fault::Precision);
    }
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| Fault::Syntax)?;
    time::in_range(at.with_timezone(&Utc))
}

fn date(text: &str) -> Result<Value, Fault> {
    // chrono also reads "+10000-1-1".
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        return Err(Fault::Syntax);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| Fault::Syntax)?;
    time::day_in_range(day)
}
