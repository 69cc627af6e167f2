//! When a window is closed, for records and for `final`.

use std::time::Duration;

use super::WindowSize;
use super::instant::{MILLISECOND, nanos, nearest};
use crate::value::Timestamp;

/// The first instant by which nothing can come into a window any more, but for grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ingest) struct End(i128);

impl End {
    /// Of a tumbling or hopping window, which does not hold its end: closed when stream time
    /// >= end + grace (`TimeWindows`).
    pub(in crate::ingest) fn fixed(start: Timestamp, size: WindowSize) -> Self {
        Self(nanos(start) + size.nanos())
    }

    /// Of a sliding window, which holds its end: closed when stream time > end + grace
    /// (`SlidingWindows`).
    #[cfg(test)]
    pub(super) fn sliding(start: Timestamp, size: WindowSize) -> Self {
        Self(nanos(start) + size.nanos() + MILLISECOND)
    }

    /// Of the sliding window that ends with a record at `time`: the first of the record's to close.
    pub(in crate::ingest) fn of_record(time: Timestamp) -> Self {
        let time = nanos(time);
        Self(time - time.rem_euclid(MILLISECOND) + MILLISECOND)
    }

    /// Of a session with its last record at `end`, which a record within the gap still extends:
    /// closed when stream time > end + gap + grace (KAFKA-12718).
    pub(in crate::ingest) fn session(end: Timestamp, gap: WindowSize) -> Self {
        Self(nanos(end) + gap.nanos() + MILLISECOND)
    }
}

/// Whether the window is closed: a record for it is late. Without a stream time nothing is.
pub(in crate::ingest) fn is_late(end: End, grace: Duration, stream_time: Option<Timestamp>) -> bool {
    stream_time.is_some_and(|now| nanos(now) >= end.0.saturating_add(length(grace)))
}

/// The first start of a sliding window that is not closed; without a stream time none is. A record
/// whose time lies before it is late for all its windows.
pub(in crate::ingest) fn first_open(
    size: WindowSize,
    grace: Duration,
    stream_time: Option<Timestamp>,
) -> Timestamp {
    let Some(now) = stream_time else { return nearest(i128::MIN) };
    let over = nanos(now).saturating_sub(length(grace));
    nearest(over.saturating_sub(over.rem_euclid(MILLISECOND)).saturating_sub(size.nanos()))
}

fn length(grace: Duration) -> i128 {
    i128::try_from(grace.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::instant::{FIRST, LAST, instant};
    use super::*;

    const GRACE: Duration = Duration::from_millis(5);

    fn at(millis: i128) -> Timestamp {
        instant(millis * MILLISECOND).unwrap()
    }

    fn size(millis: u64) -> WindowSize {
        WindowSize::new(Duration::from_millis(millis)).unwrap()
    }

    #[test]
    fn a_window_is_closed_where_kafka_streams_closes_it() {
        // The first stream time, in milliseconds, at which each is closed.
        for (end, closed) in [
            (End::fixed(at(100), size(10)), 115),
            (End::sliding(at(100), size(10)), 116),
            (End::session(at(100), size(10)), 116),
        ] {
            assert!(is_late(end, GRACE, Some(at(closed))), "{end:?}");
            let before = instant(nanos(at(closed)) - 1).unwrap();
            assert!(!is_late(end, GRACE, Some(before)), "{end:?}");
            assert!(!is_late(end, GRACE, None), "{end:?}");
        }
    }

    #[test]
    fn at_the_edges_of_time_nothing_overflows() {
        let end = End::fixed(LAST, size(86_400_000));
        assert!(!is_late(end, Duration::MAX, Some(LAST)));
        assert_eq!(first_open(size(1), Duration::MAX, Some(LAST)), FIRST);
        assert_eq!(first_open(size(1), Duration::ZERO, Some(FIRST)), FIRST);
        assert_eq!(first_open(size(1), Duration::ZERO, None), FIRST);
    }

    proptest! {
        #[test]
        fn the_first_open_window_is_the_first_that_is_not_closed(
            now in 0_i128..3_000_000_000, grace in 0_u64..1_000_000_000, millis in 1_u64..1000
        ) {
            let (now, grace) = (Some(instant(now).unwrap()), Duration::from_nanos(grace));
            let open = first_open(size(millis), grace, now);
            prop_assert!(!is_late(End::sliding(open, size(millis)), grace, now));
            let before = instant(nanos(open) - MILLISECOND).unwrap();
            prop_assert!(is_late(End::sliding(before, size(millis)), grace, now));
        }
    }
}
