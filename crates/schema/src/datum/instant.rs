//! Points in time, times of day, and their texts.

use chrono::{DateTime, Datelike, NaiveTime, SecondsFormat, Timelike, Utc};

/// The nanoseconds of a second.
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// The nanoseconds of a day.
const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;

/// A point in time: seconds and nanoseconds since 1970-01-01 in UTC.
///
/// Its range exceeds every calendar, so that decoding never fails because of a year. The conversion to a column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    seconds: i64,
    /// Less than one second.
    nanos: u32,
}

impl Instant {
    /// An instant from seconds and nanoseconds; `None` if the nanoseconds make up a second or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (i64::from(nanos) < NANOS_PER_SECOND).then_some(Self { seconds, nanos })
    }

    /// An instant from milliseconds since 1970.
    pub fn from_millis(since: i64) -> Self {
        Self::of(since, 1_000)
    }

    /// An instant from microseconds since 1970.
    pub fn from_micros(since: i64) -> Self {
        Self::of(since, 1_000_000)
    }

    /// An instant from nanoseconds since 1970.
    pub fn from_nanos(since: i64) -> Self {
        Self::of(since, NANOS_PER_SECOND)
    }

    /// An instant from units since 1970, of which a second has `per_second`.
    fn of(since: i64, per_second: i64) -> Self {
        let fraction = since.rem_euclid(per_second) * (NANOS_PER_SECOND / per_second);
        let nanos = u32::try_from(fraction).unwrap_or_else(|_| unreachable!("it is below a billion"));
        Self { seconds: since.div_euclid(per_second), nanos }
    }

    /// The instant in UTC; `None` outside the years 1 to 9999, the range of Spanner and of CEL.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.seconds, self.nanos).filter(|at| (1..=9999).contains(&at.year()))
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        // chrono represents a leap second as a fraction of more than one second.
        let nanos = at.timestamp_subsec_nanos().min(999_999_999);
        Self { seconds: at.timestamp(), nanos }
    }
}

/// The text `HH:MM:SS` with 0, 3, 6 or 9 digits of the second, as needed; `None` outside one day.
pub(crate) fn time_of_day(nanos: i64) -> Option<String> {
    if !(0..NANOS_PER_DAY).contains(&nanos) {
        return None;
    }
    let seconds = u32::try_from(nanos / NANOS_PER_SECOND).ok()?;
    let fraction = u32::try_from(nanos % NANOS_PER_SECOND).ok()?;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, fraction)?;
    let format = match time.nanosecond() {
        0 => "%H:%M:%S",
        nanos if nanos % 1_000_000 == 0 => "%H:%M:%S%.3f",
        nanos if nanos % 1_000 == 0 => "%H:%M:%S%.6f",
        _ => "%H:%M:%S%.9f",
    };
    Some(time.format(format).to_string())
}

/// The text `YYYY-MM-DDTHH:MM:SS` with a fraction as in [`time_of_day`] and without a zone; `None` outside the years 1
/// to 9999.
pub(crate) fn local(at: Instant) -> Option<String> {
    let mut text = at.to_utc()?.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    text.pop();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_instant_are_equal() {
        for instant in
            [Instant::from_millis(-1), Instant::from_micros(-1_000), Instant::from_nanos(-1_000_000)]
        {
            assert_eq!(instant, Instant { seconds: -1, nanos: 999_000_000 });
            assert_eq!(local(instant).unwrap(), "1969-12-31T23:59:59.999");
        }
        for least in [i64::MIN, i64::MAX] {
            assert_eq!(Instant::from_millis(least).to_utc(), None);
        }
        assert_eq!(Instant::new(0, 1_000_000_000), None);
    }

    #[test]
    fn time_of_day_outside_one_day_has_no_text() {
        assert_eq!(time_of_day(0).unwrap(), "00:00:00");
        assert_eq!(time_of_day(NANOS_PER_DAY - 1).unwrap(), "23:59:59.999999999");
        assert_eq!(time_of_day(3_600_005_000_000).unwrap(), "01:00:00.005");
        assert_eq!((time_of_day(NANOS_PER_DAY), time_of_day(-1)), (None, None));
    }
}
