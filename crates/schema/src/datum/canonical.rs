use std::borrow::Cow;

use chrono::SecondsFormat;

use super::{Datum, Symbol, clock, decimal, json};

impl Datum {
    /// One text, or the bytes themselves, for one value, whatever type carries it: the number 5 is
    /// `5` as an integer, a decimal, a double and a string. Nothing for null, and for what has no text.
    pub fn canonical(&self) -> Option<Cow<'_, [u8]>> {
        let text = match self {
            Self::Null => return None,
            Self::String(text) | Self::Enum(Symbol { name: text, .. }) => {
                return Some(Cow::Borrowed(text.as_bytes()));
            }
            Self::Bytes(bytes) => return Some(Cow::Borrowed(bytes)),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::UInt(value) => value.to_string(),
            Self::Float(value) => number(format!("{value:e}"))?,
            Self::Double(value) => number(format!("{value:e}"))?,
            Self::Number(value) | Self::Decimal(value) => decimal::text(value)?,
            Self::Date(days) => json::day(*days)?.to_string(),
            Self::Time(nanos) => clock::time_of_day(*nanos)?,
            Self::Timestamp(at) => at.to_utc()?.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::LocalTimestamp(at) => clock::local(*at)?,
            Self::Uuid(uuid) => uuid.to_string(),
            Self::Duration(period) => period.to_string(),
            Self::List(_) | Self::Record(_) | Self::Map(_) => self.json().ok()?,
        };
        Some(Cow::Owned(text.into_bytes()))
    }
}

/// The text of a float as a decimal has it; of NaN and the infinities, their names.
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
    fn one_value_has_one_text() {
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
            assert_eq!(datum.canonical().as_deref(), Some(&b"5"[..]), "{}", datum.kind());
        }
        assert_eq!(Datum::Null.canonical(), None);
        assert_eq!(Datum::Double(0.1).canonical().as_deref(), Some(&b"0.1"[..]));
        assert_eq!(Datum::Double(1e300).canonical().as_deref(), Some(&b"1e300"[..]));
        assert_eq!(Datum::Double(f64::NAN).canonical().as_deref(), Some(&b"NaN"[..]));
    }
}
