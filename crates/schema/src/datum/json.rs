//! The exact JSON text of a datum, for JSON columns.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, SecondsFormat, TimeDelta};

use super::{Datum, Symbol, decimal, instant};

/// The reason why a datum has no JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// NaN, an infinity, or a date or time out of range.
    Range,
    /// A number that Spanner's JSON type would round.
    Precision,
    /// A value that its own type does not allow. The text says why.
    Invalid(&'static str),
}

/// The JSON text of `value`: records and maps as objects, bytes in base64, instants in RFC 3339.
pub(crate) fn to_json(value: &Datum) -> Result<String, JsonError> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

fn write(value: &Datum, out: &mut String) -> Result<(), JsonError> {
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Datum::Int(value) => print(out, value),
        Datum::UInt(value) => print(out, value),
        Datum::Float(value) => double(f64::from(*value), out)?,
        Datum::Double(value) => double(*value, out)?,
        Datum::Number(value) | Datum::Decimal(value) => {
            // Spanner's JSON type holds 64-bit integers and doubles.
            let text = decimal::text(value).ok_or(JsonError::Precision)?;
            let is_exact = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
            if !is_exact && decimal::double(value).is_none() {
                return Err(JsonError::Precision);
            }
            out.push_str(&text);
        }
        Datum::String(text) | Datum::Enum(Symbol { name: text, .. }) => string(text, out),
        Datum::Bytes(bytes) => string(&STANDARD.encode(bytes), out),
        Datum::Date(days) => string(&day(*days).ok_or(JsonError::Range)?.to_string(), out),
        Datum::Time(nanos) => string(&instant::time_of_day(*nanos).ok_or(JsonError::Range)?, out),
        Datum::Timestamp(at) => {
            let at = at.to_utc().ok_or(JsonError::Range)?;
            string(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true), out);
        }
        Datum::LocalTimestamp(at) => string(&instant::local(*at).ok_or(JsonError::Range)?, out),
        Datum::Uuid(uuid) => string(&uuid.to_string(), out),
        Datum::Duration(period) => string(&period.to_string(), out),
        Datum::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Datum::Record(record) => object(record.fields(), out)?,
        Datum::Map(entries) => object(entries.iter().map(|(key, value)| (key.as_str(), value)), out)?,
        Datum::Invalid(why) => return Err(JsonError::Invalid(why)),
    }
    Ok(())
}

fn object<'a>(
    entries: impl Iterator<Item = (&'a str, &'a Datum)>,
    out: &mut String,
) -> Result<(), JsonError> {
    out.push('{');
    for (position, (name, value)) in entries.enumerate() {
        if position > 0 {
            out.push(',');
        }
        string(name, out);
        out.push(':');
        write(value, out)?;
    }
    out.push('}');
    Ok(())
}

fn double(value: f64, out: &mut String) -> Result<(), JsonError> {
    if !value.is_finite() {
        return Err(JsonError::Range);
    }
    // The shortest digits that identify the double, with an exponent if plain digits would be long.
    match value == 0.0 || (1e-7..1e17).contains(&value.abs()) {
        true => print(out, &format_args!("{value:?}")),
        false => print(out, &format_args!("{value:e}")),
    }
    Ok(())
}

fn print(out: &mut String, value: &dyn std::fmt::Display) {
    // Writing to a string never fails.
    let _ = write!(out, "{value}");
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// The calendar day of `days` since 1970; `None` outside the years 1 to 9999.
pub(super) fn day(days: i64) -> Option<NaiveDate> {
    use chrono::Datelike;
    let day = NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?)?;
    (1..=9999).contains(&day.year()).then_some(day)
}
