//! Dates and times as DATE, TIMESTAMP and STRING, in the years 1 to 9999.

use chrono::{Datelike, NaiveDate, TimeDelta};
use spanbridge_protocol::value::{Timestamp, Value};

use super::ConvertErrorKind;
use crate::datum::{self, Instant};

/// Converts days since 1970 to DATE.
pub(super) fn date(days: i64) -> Result<Value, ConvertErrorKind> {
    let since = TimeDelta::try_days(days).ok_or(ConvertErrorKind::Range)?;
    day_in_range(NaiveDate::default().checked_add_signed(since).ok_or(ConvertErrorKind::Range)?)
}

/// Converts nanoseconds since midnight to the text of [`datum::time_of_day`].
pub(super) fn time_of_day(nanos: i64) -> Result<Value, ConvertErrorKind> {
    datum::time_of_day(nanos).map(Value::String).ok_or(ConvertErrorKind::Range)
}

/// Converts a local timestamp to the text of [`datum::local`].
pub(super) fn local(at: Instant) -> Result<Value, ConvertErrorKind> {
    datum::local(at).map(Value::String).ok_or(ConvertErrorKind::Range)
}

/// A TIMESTAMP, whose range is 0001-01-01 to 9999-12-31 in UTC.
pub(super) fn in_range(at: Timestamp) -> Result<Value, ConvertErrorKind> {
    if in_years(at.year()) { Ok(Value::Timestamp(at)) } else { Err(ConvertErrorKind::Range) }
}

/// A DATE, whose range is 0001-01-01 to 9999-12-31.
pub(super) fn day_in_range(day: NaiveDate) -> Result<Value, ConvertErrorKind> {
    if in_years(day.year()) { Ok(Value::Date(day)) } else { Err(ConvertErrorKind::Range) }
}

fn in_years(year: i32) -> bool {
    (1..=9999).contains(&year)
}
