//! Limits how often librdkafka's other lines are logged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel as Level;

/// The time in which similar lines count as one.
const WINDOW: Duration = Duration::from_secs(30);
/// The number of different lines that are remembered.
const MAX_LINES: usize = 200;

/// Counts similar lines. Lines are similar if they differ in digits only: in partitions, ids, times and ports.
#[derive(Debug, Default)]
pub(crate) struct RepeatedLines {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    logged: Instant,
    suppressed: u64,
}

impl RepeatedLines {
    /// Returns how many similar lines were suppressed since the last one that was logged; `None` if this line is to be
    /// suppressed. Lines for debugging are never suppressed.
    pub(crate) fn count(&mut self, level: Level, facility: &str, message: &str, now: Instant) -> Option<u64> {
        if matches!(level, Level::Debug | Level::Info | Level::Notice) {
            return Some(0);
        }
        let key: String = facility.chars().chain(message.chars()).filter(|c| !c.is_ascii_digit()).collect();
        self.seen.retain(|_, seen| seen.suppressed > 0 || now.duration_since(seen.logged) < WINDOW);
        match self.seen.get_mut(&key) {
            Some(seen) if now.duration_since(seen.logged) < WINDOW => {
                seen.suppressed += 1;
                None
            }
            Some(seen) => Some(std::mem::replace(seen, Seen { logged: now, suppressed: 0 }).suppressed),
            None => {
                if self.seen.len() < MAX_LINES {
                    self.seen.insert(key, Seen { logged: now, suppressed: 0 });
                }
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_lines_are_counted() {
        let (start, mut lines) = (Instant::now(), RepeatedLines::default());
        let mut count = |message: &str, seconds| {
            lines.count(Level::Warning, "REQTMOUT", message, start + Duration::from_secs(seconds))
        };
        assert_eq!(count("timed out 3 requests", 0), Some(0));
        assert_eq!(count("timed out 4 requests", 1), None);
        assert_eq!(count("other", 2), Some(0));
        assert_eq!(count("timed out 5 requests", 29), None);
        assert_eq!(count("timed out 6 requests", 31), Some(2));
        assert_eq!(count("timed out 7 requests", 70), Some(0));
    }

    #[test]
    fn lines_for_debugging_are_not_suppressed() {
        let mut lines = RepeatedLines::default();
        for level in [Level::Debug, Level::Info] {
            for _ in 0..2 {
                assert_eq!(lines.count(level, "SEND", "x", Instant::now()), Some(0));
            }
        }
    }
}
