//! Tumbling windows, which follow each other without overlap.

use super::error::WindowError;
use super::instant::{instant, nanos};
use super::size::WindowSize;
use crate::value::Timestamp;

/// Returns the start of the tumbling window that contains `time`.
///
/// Windows are aligned to the epoch, include their start and exclude their end, like Kafka Streams'
/// `TimeWindows`. Windows before 1970 are aligned in the same way.
///
/// # Errors
/// If the window starts outside the range of TIMESTAMP.
pub(in crate::ingest) fn tumbling_window_start(
    time: Timestamp,
    size: WindowSize,
) -> Result<Timestamp, WindowError> {
    let nanos = nanos(time);
    instant(nanos - nanos.rem_euclid(size.nanos()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::super::instant::{FIRST, LAST};
    use super::*;

    fn at(seconds: i64, nanos: u32) -> Timestamp {
        DateTime::from_timestamp(seconds, nanos).unwrap()
    }

    fn size(seconds: u64) -> WindowSize {
        WindowSize::new(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn window_includes_its_start_and_excludes_its_end() {
        assert_eq!(tumbling_window_start(at(7200, 0), size(3600)), Ok(at(7200, 0)));
        assert_eq!(tumbling_window_start(at(7199, 999_999_999), size(3600)), Ok(at(3600, 0)));
        assert_eq!(tumbling_window_start(at(-1, 0), size(3600)), Ok(at(-3600, 0)));
    }

    #[test]
    fn window_outside_of_timestamp_is_rejected() {
        assert_eq!(tumbling_window_start(FIRST, size(86_400)), Ok(FIRST));
        assert_eq!(tumbling_window_start(FIRST, size(86_400 * 400)), Err(WindowError::Range));
        assert_eq!(tumbling_window_start(LAST, size(1)), Ok(at(LAST.timestamp(), 0)));
        assert_eq!(tumbling_window_start(at(LAST.timestamp() + 1, 0), size(1)), Err(WindowError::Range));
    }

    proptest! {
        #[test]
        fn every_instant_has_exactly_one_window(
            seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32, size in 1..10_000_000_u64
        ) {
            let (time, size) = (at(seconds, nanos), Duration::from_millis(size));
            let start_of = |time| tumbling_window_start(time, WindowSize::new(size).unwrap()).unwrap();
            let start = start_of(time);
            prop_assert!(start <= time && time < start + size);
            prop_assert_eq!(start_of(start), start);
            prop_assert_eq!(start_of(start + size), start + size);
        }
    }
}
