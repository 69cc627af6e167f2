//! Lengths of windows.

use std::time::Duration;

use super::error::WindowError;
use super::instant::{FIRST, LAST, MILLISECOND, nanos};

/// The length of a window, a gap or an advance: whole milliseconds, at least one, and at most the range of
/// TIMESTAMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSize(i128);

impl WindowSize {
    /// Creates a length.
    ///
    /// # Errors
    /// If the duration is not a whole number of milliseconds within these bounds.
    pub fn new(size: Duration) -> Result<Self, WindowError> {
        let length = i128::try_from(size.as_nanos()).map_err(|_| WindowError::Size)?;
        let fits = length > 0 && length % MILLISECOND == 0 && length <= nanos(LAST) - nanos(FIRST);
        if fits { Ok(Self(length)) } else { Err(WindowError::Size) }
    }

    /// The length in nanoseconds.
    pub(super) fn nanos(self) -> i128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_that_is_no_whole_number_of_milliseconds_is_rejected() {
        assert_eq!(WindowSize::new(Duration::from_millis(1)).map(WindowSize::nanos), Ok(1_000_000));
        for size in [Duration::ZERO, Duration::from_micros(1500), Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(WindowSize::new(size), Err(WindowError::Size), "{size:?}");
        }
    }
}
