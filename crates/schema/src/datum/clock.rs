use chrono::{DateTime, Datelike, NaiveTime, SecondsFormat, Timelike, Utc};

const BILLION: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * BILLION;

/// Seconds and nanoseconds since 1970: wider than any calendar, so that decoding cannot fail for a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    seconds: i64,
    /// Below a billion.
    nanos: u32,
}

impl Instant {
    /// Nothing when there are a billion nanoseconds or more.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (i64::from(nanos) < BILLION).then_some(Self { seconds, nanos })
    }

    /// Milliseconds since 1970.
    pub fn from_millis(since: i64) -> Self {
        Self::of(since, 1_000)
    }

    /// Microseconds since 1970.
    pub fn from_micros(since: i64) -> Self {
        Self::of(since, 1_000_000)
    }

    /// Nanoseconds since 1970.
    pub fn from_nanos(since: i64) -> Self {
        Self::of(since, BILLION)
    }

    fn of(since: i64, per_second: i64) -> Self {
        let fraction = since.rem_euclid(per_second) * (BILLION / per_second);
        let nanos = u32::try_from(fraction).unwrap_or_else(|_| unreachable!("it is below a billion"));
        Self { seconds: since.div_euclid(per_second), nanos }
    }

    /// Nothing outside the years 1 to 9999 in UTC, which are Spanner's and CEL's.
    pub fn to_utc(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.seconds, self.nanos).filter(|at| (1..=9999).contains(&at.year()))
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(at: DateTime<Utc>) -> Self {
        // chrono keeps a leap second as a fraction beyond one.
        let nanos = at.timestamp_subsec_nanos().min(999_999_999);
        Self { seconds: at.timestamp(), nanos }
    }
}

/// `HH:MM:SS` with as many of 3, 6 or 9 digits of fraction as are needed; nothing outside one day.
pub(crate) fn time_of_day(nanos: i64) -> Option<String> {
    if !(0..DAY).contains(&nanos) {
        return None;
    }
    let seconds = u32::try_from(nanos / BILLION).ok()?;
    let fraction = u32::try_from(nanos % BILLION).ok()?;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, fraction)?;
    let format = match time.nanosecond() {
        0 => "%H:%M:%S",
        nanos if nanos % 1_000_000 == 0 => "%H:%M:%S%.3f",
        nanos if nanos % 1_000 == 0 => "%H:%M:%S%.6f",
        _ => "%H:%M:%S%.9f",
    };
    Some(time.format(format).to_string())
}

/// `YYYY-MM-DDTHH:MM:SS` with a fraction as [`time_of_day`], and no zone; nothing outside the years 1 to 9999.
pub(crate) fn local(at: Instant) -> Option<String> {
    let mut text = at.to_utc()?.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    text.pop();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_place() {
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
    fn a_time_of_day_stays_in_its_day() {
        assert_eq!(time_of_day(0).unwrap(), "00:00:00");
        assert_eq!(time_of_day(DAY - 1).unwrap(), "23:59:59.999999999");
        assert_eq!(time_of_day(3_600_005_000_000).unwrap(), "01:00:00.005");
        assert_eq!((time_of_day(DAY), time_of_day(-1)), (None, None));
    }
}
