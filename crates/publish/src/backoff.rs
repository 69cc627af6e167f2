use std::time::Duration;

/// Pauses that double up to a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, failures: 0 }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.least.saturating_mul(1 << self.failures.min(20)).min(self.most);
        self.failures += 1;
        pause
    }

    /// Starts again from the least pause.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last reset.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let pauses: Vec<u128> = (0..5).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.pause(), Duration::from_millis(50));
    }
}
