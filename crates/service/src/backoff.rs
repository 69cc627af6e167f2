//! Pauses between attempts.
//!
//! The jitter is the "full jitter" of
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>, with a lower bound: the pause is a
//! uniform random choice between the least pause and a ceiling that doubles with each failure. The crate `backon`
//! does not serve here: its jitter is added to the delay and exceeds the configured maximum.

use std::time::Duration;

/// Random pauses whose ceiling doubles with each failure, up to a maximum.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Returns a policy whose pauses are at least `least` and at most `most`.
    #[must_use]
    pub const fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, failures: 0 }
    }

    /// Counts a failure and returns the pause before the next attempt.
    ///
    /// The pause after failure `n` is a random duration between `least` and `least * 2^n`, and never more than `most`.
    pub fn next_pause(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.least.saturating_mul(1 << self.failures.min(20)).min(self.most);
        rand::random_range(self.least.min(ceiling)..=ceiling)
    }

    /// Forgets the failures, so that the next pauses are short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the number of failures since the last reset.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn ceiling_doubles_up_to_the_maximum() {
        for _ in 0..100 {
            let mut backoff = Backoff::new(ms(50), ms(300));
            for ceiling in [100, 200, 300, 300, 300] {
                let pause = backoff.next_pause();
                assert!((ms(50)..=ms(ceiling)).contains(&pause), "{pause:?} of {ceiling} ms");
            }
            assert_eq!(backoff.failures(), 5);
        }
    }

    #[test]
    fn pauses_differ_between_workers() {
        let pauses: Vec<Duration> = (0..100).map(|_| Backoff::new(ms(50), ms(300)).next_pause()).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }

    #[test]
    fn reset_makes_pauses_short_again() {
        let mut backoff = Backoff::new(ms(50), ms(300));
        (0..30).for_each(|_| _ = backoff.next_pause());
        backoff.reset();
        assert_eq!(backoff.failures(), 0);
        assert!(backoff.next_pause() <= ms(100));
    }
}
