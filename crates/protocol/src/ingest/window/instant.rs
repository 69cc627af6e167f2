//! Arithmetic on instants, in nanoseconds since the epoch: 128 bits of them do not overflow.

use chrono::DateTime;

use super::WindowError;
use crate::value::Timestamp;

pub(super) const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000_000_000;

/// Spanner's first instant, 0001-01-01T00:00:00Z.
pub(super) const FIRST: Timestamp = constant(-62_135_596_800, 0);

/// Spanner's last instant, 9999-12-31T23:59:59.999999999Z.
pub(in crate::ingest) const LAST: Timestamp = constant(253_402_300_799, 999_999_999);

pub(super) fn nanos(time: Timestamp) -> i128 {
    i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos())
}

/// The instant, if a TIMESTAMP holds it.
pub(super) fn instant(nanos: i128) -> Result<Timestamp, WindowError> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).map_err(|_| WindowError::Range)?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).map_err(|_| WindowError::Range)?;
    let time = DateTime::from_timestamp(seconds, rest).ok_or(WindowError::Range)?;
    if (FIRST..=LAST).contains(&time) { Ok(time) } else { Err(WindowError::Range) }
}

/// The instant, or the nearest that a TIMESTAMP holds.
pub(super) fn nearest(nanos: i128) -> Timestamp {
    instant(nanos).unwrap_or(if nanos < 0 { FIRST } else { LAST })
}

/// The millisecond that the instant lies in.
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
    fn only_what_a_timestamp_holds_is_an_instant() {
        for time in [FIRST, LAST, DateTime::UNIX_EPOCH] {
            assert_eq!(instant(nanos(time)), Ok(time));
        }
        for (outside, nearby) in [(nanos(FIRST) - 1, FIRST), (nanos(LAST) + 1, LAST), (i128::MAX, LAST)] {
            assert_eq!(instant(outside), Err(WindowError::Range));
            assert_eq!(nearest(outside), nearby);
        }
    }

    #[test]
    fn a_millisecond_starts_before_the_epoch_as_behind_it() {
        let time = |nanos| instant(nanos).unwrap();
        assert_eq!(millisecond(time(1_999_999)), Ok(time(1_000_000)));
        assert_eq!(millisecond(time(-1)), Ok(time(-1_000_000)));
        assert_eq!(millisecond(FIRST), Ok(FIRST));
    }
}
