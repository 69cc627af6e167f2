//! Windows by event time.

use std::time::Duration;

use chrono::DateTime;

use crate::value::Timestamp;

/// Why a record's time has no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("the event time is outside the years 0001 to 9999")]
    Range,
}

/// The start of the tumbling window that holds `time`.
///
/// Windows are aligned to the epoch, as Kafka Streams' `TimeWindows` are: a start is included,
/// the end is not. Before 1970 they go on alike.
///
/// # Panics
/// On a window of no length, which the configuration refuses.
pub fn tumbling(time: Timestamp, size: Duration) -> Result<Timestamp, WindowError> {
    let size = i128::try_from(size.as_nanos()).map_err(|_| WindowError::Range)?;
    assert!(size > 0, "a window has a length");
    let nanos = i128::from(time.timestamp()) * NANOS + i128::from(time.timestamp_subsec_nanos());
    let start = nanos - nanos.rem_euclid(size);
    let seconds = i64::try_from(start.div_euclid(NANOS)).map_err(|_| WindowError::Range)?;
    let rest = u32::try_from(start.rem_euclid(NANOS)).map_err(|_| WindowError::Range)?;
    let start = DateTime::from_timestamp(seconds, rest).ok_or(WindowError::Range)?;
    if start < FIRST { Err(WindowError::Range) } else { Ok(start) }
}

/// TEMP
pub fn hopping(time: Timestamp, size: Duration, _: Duration) -> Result<Vec<Timestamp>, WindowError> {
    Ok(vec![tumbling(time, size)?])
}
/// TEMP
pub fn is_late(end: Timestamp, grace: Duration, time: Option<Timestamp>) -> bool {
    time.is_some_and(|time| end + grace <= time)
}

const NANOS: i128 = 1_000_000_000;

/// Spanner's first instant, 0001-01-01T00:00:00Z.
const FIRST: Timestamp = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(first) => first,
    None => panic!("a valid instant"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64, nanos: u32) -> Timestamp {
        DateTime::from_timestamp(seconds, nanos).unwrap()
    }

    #[test]
    fn a_start_belongs_to_its_window_and_an_end_to_the_next() {
        let hour = Duration::from_secs(3600);
        assert_eq!(tumbling(at(7200, 0), hour).unwrap(), at(7200, 0));
        assert_eq!(tumbling(at(7199, 999_999_999), hour).unwrap(), at(3600, 0));
        assert_eq!(tumbling(at(-1, 0), hour).unwrap(), at(-3600, 0));
        assert_eq!(tumbling(FIRST, Duration::from_secs(86_400 * 400)), Err(WindowError::Range));
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_exactly_its_window(
            seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32, size in 1..10_000_000_u64
        ) {
            let (time, size) = (at(seconds, nanos), Duration::from_millis(size));
            let start = tumbling(time, size).unwrap();
            prop_assert!(start <= time && time < start + size);
            prop_assert_eq!(tumbling(start, size).unwrap(), start);
            prop_assert_eq!(tumbling(start + size, size).unwrap(), start + size);
        }
    }
}
