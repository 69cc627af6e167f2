use super::instant::{instant, nanos};
use super::{WindowError, WindowSize};
use crate::value::Timestamp;

/// The start of the tumbling window that holds `time`.
///
/// Windows are aligned to the epoch, as Kafka Streams' `TimeWindows` are: a start is included,
/// the end is not. Before 1970 they go on alike.
pub(in crate::ingest) fn tumbling(time: Timestamp, size: WindowSize) -> Result<Timestamp, WindowError> {
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
    fn a_start_belongs_to_its_window_and_an_end_to_the_next() {
        assert_eq!(tumbling(at(7200, 0), size(3600)), Ok(at(7200, 0)));
        assert_eq!(tumbling(at(7199, 999_999_999), size(3600)), Ok(at(3600, 0)));
        assert_eq!(tumbling(at(-1, 0), size(3600)), Ok(at(-3600, 0)));
    }

    #[test]
    fn at_the_edges_of_time_a_window_fits_or_is_refused() {
        assert_eq!(tumbling(FIRST, size(86_400)), Ok(FIRST));
        assert_eq!(tumbling(FIRST, size(86_400 * 400)), Err(WindowError::Range));
        assert_eq!(tumbling(LAST, size(1)), Ok(at(LAST.timestamp(), 0)));
        assert_eq!(tumbling(at(LAST.timestamp() + 1, 0), size(1)), Err(WindowError::Range));
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_exactly_its_window(
            seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32, size in 1..10_000_000_u64
        ) {
            let (time, size) = (at(seconds, nanos), Duration::from_millis(size));
            let start_of = |time| tumbling(time, WindowSize::new(size).unwrap()).unwrap();
            let start = start_of(time);
            prop_assert!(start <= time && time < start + size);
            prop_assert_eq!(start_of(start), start);
            prop_assert_eq!(start_of(start + size), start + size);
        }
    }
}
