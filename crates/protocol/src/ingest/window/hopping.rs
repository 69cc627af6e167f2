//! Hopping windows, which overlap.

use super::error::WindowError;
use super::instant::{instant, nanos};
use super::size::WindowSize;
use crate::value::Timestamp;

/// The size and the advance of hopping windows: one starts every `advance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    size: WindowSize,
    advance: WindowSize,
}

/// The maximum number of windows that contain one instant. A record is added to each of them.
const MAX_WINDOWS_PER_INSTANT: i128 = 1000;

impl Hop {
    /// Creates hopping windows.
    ///
    /// # Errors
    /// If the windows leave gaps, or if too many of them contain one instant.
    pub fn new(size: WindowSize, advance: WindowSize) -> Result<Self, WindowError> {
        let fits = advance <= size && size.nanos() <= advance.nanos() * MAX_WINDOWS_PER_INSTANT;
        if fits { Ok(Self { size, advance }) } else { Err(WindowError::Advance) }
    }

    /// The size of each window.
    pub fn size(self) -> WindowSize {
        self.size
    }
}

/// Returns the starts of the hopping windows that contain `time`, the earliest first.
///
/// As with Kafka Streams' `TimeWindows.advanceBy`, the N-th window is
/// `[N × advance, N × advance + size)`. Kafka Streams has no windows before 1970; here N may be negative.
///
/// # Errors
/// If a window starts outside the range of TIMESTAMP.
pub(in crate::ingest) fn hopping_window_starts(
    time: Timestamp,
    hop: Hop,
) -> Result<Vec<Timestamp>, WindowError> {
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
    fn hopping_windows_are_aligned_to_the_epoch() {
        // The example of Kafka Streams' `TimeWindows`: [0, 5000), [3000, 8000), …
        let starts = |time: i128| {
            let starts =
                hopping_window_starts(instant(time * 1_000_000).unwrap(), hop(5000, 3000).unwrap()).unwrap();
            starts.into_iter().map(|start| nanos(start) / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(starts(0), [-3000, 0]);
        assert_eq!(starts(2000), [0]);
        assert_eq!(starts(4999), [0, 3000]);
        assert_eq!(starts(5000), [3000]);
    }

    #[test]
    fn advance_that_leaves_gaps_or_too_many_windows_is_rejected() {
        assert!(hop(1000, 1).is_ok() && hop(5, 5).is_ok());
        for (size, advance) in [(1001, 1), (5, 6), (2_000_001, 2000)] {
            assert_eq!(hop(size, advance), Err(WindowError::Advance), "{size}, {advance}");
        }
    }

    #[test]
    fn window_that_starts_before_the_first_timestamp_is_rejected() {
        let hop = hop(86_400_000 * 7, 86_400_000).unwrap();
        assert_eq!(hopping_window_starts(FIRST, hop), Err(WindowError::Range));
        assert_eq!(hopping_window_starts(LAST, hop).map(|starts| starts.len()), Ok(7));
    }

    proptest! {
        #[test]
        fn starts_are_those_of_all_windows_that_contain_the_instant(
            time in -2_000_000_000_i128..2_000_000_000, size in 1_u64..40, advance in 1_u64..40
        ) {
            let Ok(windows) = hop(size, advance) else { return Ok(()) };
            let (size, advance) = (i128::from(size) * 1_000_000, i128::from(advance) * 1_000_000);
            let starts = (-3000..3000).map(|number| number * advance);
            let naive: Vec<_> = starts
                .filter(|start| (*start..start + size).contains(&time))
                .map(|start| instant(start).unwrap())
                .collect();
            prop_assert_eq!(hopping_window_starts(instant(time).unwrap(), windows), Ok(naive));
        }
    }
}
