//! The stream time at which a window is closed, for records and for the `final` column.

use std::time::Duration;

use super::instant::{MILLISECOND, nanos, nearest};
use super::size::WindowSize;
use crate::value::Timestamp;

/// The first instant after which a window takes no records, except within the grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ingest) struct WindowEnd(i128);

impl WindowEnd {
    /// Returns the end of a tumbling or hopping window, which excludes its end. The window is closed when
    /// stream time >= end + grace, as in Kafka Streams' `TimeWindows`.
    pub(in crate::ingest) fn of_fixed_window(start: Timestamp, size: WindowSize) -> Self {
        Self(nanos(start) + size.nanos())
    }

    /// Returns the end of a sliding window, which includes its end. The window is closed when
    /// stream time > end + grace, as in Kafka Streams' `SlidingWindows`.
    #[cfg(test)]
    pub(super) fn of_sliding_window(start: Timestamp, size: WindowSize) -> Self {
        Self(nanos(start) + size.nanos() + MILLISECOND)
    }

    /// Returns the end of the sliding window that ends with a record at `time`. Of the windows that contain
    /// the record, this one closes first.
    pub(in crate::ingest) fn of_record(time: Timestamp) -> Self {
        let time = nanos(time);
        Self(time - time.rem_euclid(MILLISECOND) + MILLISECOND)
    }

    /// Returns the end of a session with its last record at `end`. A record within the gap still extends the
    /// session, so it is closed when stream time > end + gap + grace (KAFKA-12718).
    pub(in crate::ingest) fn of_session(end: Timestamp, gap: WindowSize) -> Self {
        Self(nanos(end) + gap.nanos() + MILLISECOND)
    }
}

/// Returns whether the window is closed, so that a record for it is late. Without a stream time no window
/// is closed.
pub(in crate::ingest) fn is_late(end: WindowEnd, grace: Duration, stream_time: Option<Timestamp>) -> bool {
    stream_time.is_some_and(|now| nanos(now) >= end.0.saturating_add(grace_nanos(grace)))
}

/// Returns the first start of a sliding window that is not closed. Without a stream time no window is
/// closed. A record before this start is late for all its windows.
pub(in crate::ingest) fn first_open(
    size: WindowSize,
    grace: Duration,
    stream_time: Option<Timestamp>,
) -> Timestamp {
    let Some(now) = stream_time else { return nearest(i128::MIN) };
    let over = nanos(now).saturating_sub(grace_nanos(grace));
    nearest(over.saturating_sub(over.rem_euclid(MILLISECOND)).saturating_sub(size.nanos()))
}

fn grace_nanos(grace: Duration) -> i128 {
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
    fn window_is_closed_at_the_stream_time_of_kafka_streams() {
        // The first stream time, in milliseconds, at which each window is closed.
        for (end, closed) in [
            (WindowEnd::of_fixed_window(at(100), size(10)), 115),
            (WindowEnd::of_sliding_window(at(100), size(10)), 116),
            (WindowEnd::of_session(at(100), size(10)), 116),
        ] {
            assert!(is_late(end, GRACE, Some(at(closed))), "{end:?}");
            let before = instant(nanos(at(closed)) - 1).unwrap();
            assert!(!is_late(end, GRACE, Some(before)), "{end:?}");
            assert!(!is_late(end, GRACE, None), "{end:?}");
        }
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let end = WindowEnd::of_fixed_window(LAST, size(86_400_000));
        assert!(!is_late(end, Duration::MAX, Some(LAST)));
        assert_eq!(first_open(size(1), Duration::MAX, Some(LAST)), FIRST);
        assert_eq!(first_open(size(1), Duration::ZERO, Some(FIRST)), FIRST);
        assert_eq!(first_open(size(1), Duration::ZERO, None), FIRST);
    }

    proptest! {
        #[test]
        fn first_open_window_is_not_closed_and_the_previous_one_is(
            now in 0_i128..3_000_000_000, grace in 0_u64..1_000_000_000, millis in 1_u64..1000
        ) {
            let (now, grace) = (Some(instant(now).unwrap()), Duration::from_nanos(grace));
            let open = first_open(size(millis), grace, now);
            prop_assert!(!is_late(WindowEnd::of_sliding_window(open, size(millis)), grace, now));
            let before = instant(nanos(open) - MILLISECOND).unwrap();
            prop_assert!(is_late(WindowEnd::of_sliding_window(before, size(millis)), grace, now));
        }
    }
}
