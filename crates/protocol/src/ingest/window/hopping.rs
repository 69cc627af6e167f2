use super::instant::{instant, nanos};
use super::{WindowError, WindowSize};
use crate::value::Timestamp;

/// Windows of one size that start every `advance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    size: WindowSize,
    advance: WindowSize,
}

/// Windows that hold one instant at most: a record is written to each.
const MOST: i128 = 1000;

impl Hop {
    pub fn new(size: WindowSize, advance: WindowSize) -> Result<Self, WindowError> {
        let fits = advance <= size && size.nanos() <= advance.nanos() * MOST;
        if fits { Ok(Self { size, advance }) } else { Err(WindowError::Advance) }
    }

    pub fn size(self) -> WindowSize {
        self.size
    }
}

/// The starts of the hopping windows that hold `time`, the earliest first.
///
/// As with Kafka Streams' `TimeWindows.advanceBy`, the N-th window is
/// [N × advance, N × advance + size). Before 1970 they go on alike, where Kafka Streams has none.
pub(in crate::ingest) fn hopping(time: Timestamp, hop: Hop) -> Result<Vec<Timestamp>, WindowError> {
    let (time, size, advance) = (nanos(time), hop.size.nanos(), hop.advance.nanos());
    let latest = time.div_euclid(advance);
    let before = (time - size).div_euclid(advance);
    (before + 1..=latest).map(|number| instant(number * advance)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::instant::{FIRST, LAST};
    use super::*;

    fn hop(size: u64, advance: u64) -> Result<Hop, WindowError> {
        let millis = |millis| WindowSize::new(Duration::from_millis(millis));
        Hop::new(millis(size)?, millis(advance)?)
    }

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        // The example of Kafka Streams' `TimeWindows`: [0, 5000), [3000, 8000), …
        let starts = |time: i128| {
            let starts = hopping(instant(time * 1_000_000).unwrap(), hop(5000, 3000).unwrap()).unwrap();
            starts.into_iter().map(|start| nanos(start) / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(starts(0), [-3000, 0]);
        assert_eq!(starts(2000), [0]);
        assert_eq!(starts(4999), [0, 3000]);
        assert_eq!(starts(5000), [3000]);
    }

    #[test]
    fn an_advance_leaves_no_holes_and_not_too_many_windows() {
        assert!(hop(1000, 1).is_ok() && hop(5, 5).is_ok());
        for (size, advance) in [(1001, 1), (5, 6), (2_000_001, 2000)] {
            assert_eq!(hop(size, advance), Err(WindowError::Advance), "{size}, {advance}");
        }
    }

    #[test]
    fn a_window_that_starts_before_time_is_refused() {
        let hop = hop(86_400_000 * 7, 86_400_000).unwrap();
        assert_eq!(hopping(FIRST, hop), Err(WindowError::Range));
        assert_eq!(hopping(LAST, hop).map(|starts| starts.len()), Ok(7));
    }

    proptest! {
        #[test]
        fn exactly_the_windows_that_hold_an_instant_are_named(
            time in -2_000_000_000_i128..2_000_000_000, size in 1_u64..40, advance in 1_u64..40
        ) {
            let Ok(windows) = hop(size, advance) else { return Ok(()) };
            let (size, advance) = (i128::from(size) * 1_000_000, i128::from(advance) * 1_000_000);
            let starts = (-3000..3000).map(|number| number * advance);
            let naive: Vec<_> = starts
                .filter(|start| (*start..start + size).contains(&time))
                .map(|start| instant(start).unwrap())
                .collect();
            prop_assert_eq!(hopping(instant(time).unwrap(), windows), Ok(naive));
        }
    }
}
