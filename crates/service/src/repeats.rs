use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The time between two log lines about the same outage or the same kind of failure.
pub(crate) const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// Damps a log line that may repeat often: the first one is logged, then one in each interval with the number of those
/// that were left out.
#[derive(Debug)]
pub(crate) struct Repeats {
    interval: Duration,
    /// The time of the last line, and the number of those left out since, by key.
    lines: BTreeMap<String, (Instant, u64)>,
}

impl Repeats {
    /// Returns a damper with one line per key and interval.
    #[must_use]
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, lines: BTreeMap::new() }
    }

    /// Returns the number of lines that were left out since the last one, or `None` if this one is to be left out.
    pub(crate) fn next(&mut self, now: Instant, key: &str) -> Option<u64> {
        match self.lines.get_mut(key) {
            None => {
                self.lines.insert(key.to_owned(), (now, 0));
                Some(0)
            }
            Some((last, left_out)) if now.saturating_duration_since(*last) >= self.interval => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            Some((_, left_out)) => {
                *left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_key_and_interval_counts_the_others() {
        let (mut repeats, start) = (Repeats::new(Duration::from_secs(60)), Instant::now());
        let mut next = |second, key| repeats.next(start + Duration::from_secs(second), key);
        assert_eq!(next(0, "a"), Some(0));
        assert_eq!((next(1, "a"), next(59, "a")), (None, None));
        assert_eq!(next(59, "b"), Some(0));
        assert_eq!(next(60, "a"), Some(2));
        assert_eq!(next(61, "a"), None);
    }
}
