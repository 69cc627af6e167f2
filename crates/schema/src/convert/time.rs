use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use spanbridge_protocol::value::{Timestamp, Value};

use super::Fault;

#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// Time since 1970 in UTC.
pub(super) fn timestamp(since: i64, unit: Unit) -> Result<Value, Fault> {
    let at = match unit {
        Unit::Millis => DateTime::<Utc>::from_timestamp_millis(since),
        Unit::Micros => DateTime::<Utc>::from_timestamp_micros(since),
        Unit::Nanos => Some(DateTime::<Utc>::from_timestamp_nanos(since)),
    };
    in_range(at.ok_or(Fault::Range)?)
}

/// Days since 1970.
pub(super) fn date(days: i32) -> Result<Value, Fault> {
    let start = NaiveDate::default();
    let day = start.checked_add_signed(TimeDelta::days(i64::from(days))).ok_or(Fault::Range)?;
    day_in_range(day)
}

/// Spanner's TIMESTAMP: 0001-01-01 to 9999-12-31 in UTC.
pub(super) fn in_range(at: Timestamp) -> Result<Value, Fault> {
    if in_years(at.year()) { Ok(Value::Timestamp(at)) } else { Err(Fault::Range) }
}

/// Spanner's DATE: 0001-01-01 to 9999-12-31.
pub(super) fn day_in_range(day: NaiveDate) -> Result<Value, Fault> {
    if in_years(day.year()) { Ok(Value::Date(day)) } else { Err(Fault::Range) }
}

fn in_years(year: i32) -> bool {
    (1..=9999).contains(&year)
}
