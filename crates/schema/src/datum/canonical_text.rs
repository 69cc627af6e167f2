//! The canonical text of a datum: equal values have equal texts, whatever type carries them.

use std::borrow::Cow;

use chrono::SecondsFormat;

use super::{Datum, Symbol, decimal, instant, json};

/// The canonical text of `value`: `5` for the number 5 as an integer, a decimal, a double or a string.
///
/// Bytes are returned unchanged. `None` for null, and for a value without a text, such as a date after the year 9999.
pub fn canonical_text(value: &Datum) -> Option<Cow<'_, [u8]>> {
    let text = match value {
        Datum::Null | Datum::Invalid(_) => return None,
        Datum::String(text) | Datum::Enum(Symbol { name: text, .. }) => {
            return Some(Cow::Borrowed(text.as_bytes()));
        }
        Datum::Bytes(bytes) => return Some(Cow::Borrowed(bytes)),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(value) => value.to_string(),
        Datum::UInt(value) => value.to_string(),
        Datum::Float(value) => number(format!("{value:e}"))?,
        Datum::Double(value) => number(format!("{value:e}"))?,
        Datum::Number(value) | Datum::Decimal(value) => decimal::text(value)?,
        Datum::Date(days) => json::day(*days)?.to_string(),
        Datum::Time(nanos) => instant::time_of_day(*nanos)?,
        Datum::Timestamp(at) => at.to_utc()?.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Datum::LocalTimestamp(at) => instant::local(*at)?,
        Datum::Uuid(uuid) => uuid.to_string(),
        Datum::Duration(period) => period.to_string(),
        Datum::List(_) | Datum::Record(_) | Datum::Map(_) => json::to_json(value).ok()?,
    };
    Some(Cow::Owned(text.into_bytes()))
}

/// The text of a printed float in the form of a decimal. NaN and the infinities keep their names.
fn number(printed: String) -> Option<String> {
    match printed.parse() {
        Ok(value) => decimal::text(&value),
        Err(_) => Some(printed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_of_different_types_have_the_same_text() {
        let five = [
            Datum::Int(5),
            Datum::UInt(5),
            Datum::Float(5.0),
            Datum::Double(5.0),
            Datum::Number("5.0".parse().unwrap()),
            Datum::Decimal("5.00".parse().unwrap()),
            Datum::from("5"),
            Datum::Enum("5".into()),
            Datum::Bytes(b"5".to_vec()),
        ];
        for datum in five {
            assert_eq!(canonical_text(&datum).as_deref(), Some(&b"5"[..]), "{}", datum.type_name());
        }
        assert_eq!(canonical_text(&Datum::Null), None);
        assert_eq!(canonical_text(&Datum::Double(0.1)).as_deref(), Some(&b"0.1"[..]));
        assert_eq!(canonical_text(&Datum::Double(1e300)).as_deref(), Some(&b"1e300"[..]));
        assert_eq!(canonical_text(&Datum::Double(f64::NAN)).as_deref(), Some(&b"NaN"[..]));
    }
}
