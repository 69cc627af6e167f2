//! Arithmetic on instants in nanoseconds since the epoch. 128 bits never overflow here.

use chrono::DateTime;

use super::error::WindowError;
use crate::value::Timestamp;

/// A millisecond in nanoseconds.
pub(super) const MILLISECOND: i128 = 1_000_000;
/// A second in nanoseconds.
const SECOND: i128 = 1_000_000_000;

/// Spanner's first instant, 0001-01-01T00:00:00Z.
pub(super) const FIRST: Timestamp = constant(-62_135_596_800, 0);

/// Spanner's last instant, 9999-12-31T23:59:59.999999999Z.
pub(in crate::ingest) const LAST: Timestamp = constant(253_402_300_799, 999_999_999);

/// Returns the nanoseconds since the epoch.
pub(super) fn nanos(time: Timestamp) -> i128 {
    i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos())
}

/// Returns the instant.
///
/// # Errors
/// If it is outside the range of TIMESTAMP.
pub(super) fn instant(nanos: i128) -> Result<Timestamp, WindowError> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).map_err(|_| WindowError::Range)?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).map_err(|_| WindowError::Range)?;
    let time = DateTime::from_timestamp(seconds, rest).ok_or(WindowError::Range)?;
    if (FIRST..=LAST).contains(&time) { Ok(time) } else { Err(WindowError::Range) }
}

/// Returns the instant, or the nearest one within the range of TIMESTAMP.
pub(super) fn nearest(nanos: i128) -> Timestamp {
    instant(nanos).unwrap_or(if nanos < 0 { FIRST } else { LAST })
}

/// Truncates an instant to its millisecond.
///
/// # Errors
/// If the result is outside the range of TIMESTAMP.
pub(super) fn millisecond(time: Timestamp) -> Result<Timestamp, WindowError> {
    let nanos = nanos(time);
    instant(nanos - nanos.rem_euclid(MILLISECOND))
}

const fn constant(seconds: i64, nanos: u32) -> Timestamp {
    match DateTime::from_timestamp(seconds, nanos) {
        Some(time) => time,
        None => panic!("a valid instant"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instant_outside_of_timestamp_is_rejected() {
        for time in [FIRST, LAST, DateTime::UNIX_EPOCH] {
            assert_eq!(instant(nanos(time)), Ok(time));
        }
        for (outside, nearby) in [(nanos(FIRST) - 1, FIRST), (nanos(LAST) + 1, LAST), (i128::MAX, LAST)] {
            assert_eq!(instant(outside), Err(WindowError::Range));
            assert_eq!(nearest(outside), nearby);
        }
    }

    #[test]
    fn instants_before_the_epoch_are_truncated_downwards() {
        let time = |nanos| instant(nanos).unwrap();
        assert_eq!(millisecond(time(1_999_999)), Ok(time(1_000_000)));
        assert_eq!(millisecond(time(-1)), Ok(time(-1_000_000)));
        assert_eq!(millisecond(FIRST), Ok(FIRST));
    }
}
