use std::time::Duration;

use super::WindowError;
use super::instant::{FIRST, LAST, MILLISECOND, nanos};

/// How long a window is, or a gap or an advance: whole milliseconds, one at least, and no longer
/// than Spanner's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowSize(i128);

impl WindowSize {
    pub fn new(size: Duration) -> Result<Self, WindowError> {
        let length = i128::try_from(size.as_nanos()).map_err(|_| WindowError::Size)?;
        let fits = length > 0 && length % MILLISECOND == 0 && length <= nanos(LAST) - nanos(FIRST);
        if fits { Ok(Self(length)) } else { Err(WindowError::Size) }
    }

    pub(super) fn nanos(self) -> i128 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_whole_milliseconds() {
        assert_eq!(WindowSize::new(Duration::from_millis(1)).map(WindowSize::nanos), Ok(1_000_000));
        for size in [Duration::ZERO, Duration::from_micros(1500), Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(WindowSize::new(size), Err(WindowError::Size), "{size:?}");
        }
    }
}
