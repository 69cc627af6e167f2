use chrono::{Datelike, NaiveDate, TimeDelta};
use spanbridge_protocol::value::{Timestamp, Value};

use super::Fault;
use crate::datum::{self, Instant};

/// Days since 1970.
pub(super) fn date(days: i64) -> Result<Value, Fault> {
    let since = TimeDelta::try_days(days).ok_or(Fault::Range)?;
    day_in_range(NaiveDate::default().checked_add_signed(since).ok_or(Fault::Range)?)
}

pub(super) fn of_day(nanos: i64) -> Result<Value, Fault> {
    datum::time_of_day(nanos).map(Value::String).ok_or(Fault::Range)
}

pub(super) fn local(at: Instant) -> Result<Value, Fault> {
    datum::local(at).map(Value::String).ok_or(Fault::Range)
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
