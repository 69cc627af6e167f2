//! Which brokers are away, and what of that is logged: one line when a broker goes away, a line with a count from time to
//! time, and one when it is back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::failure::{Cause, Failure};

/// The time after which the first repetition is logged. It doubles with each repetition.
const FIRST_REMINDER: Duration = Duration::from_secs(60);
const MAX_REMINDER: Duration = Duration::from_secs(15 * 60);
/// An outage that begins sooner after the last line about the same broker is logged with its next failure.
const MIN_PAUSE: Duration = Duration::from_secs(30);
/// An outage without failures for this time no longer explains errors. librdkafka logs a failure that repeats at least
/// every 30 s.
const EXPLAINING: Duration = Duration::from_secs(75);
/// An outage without failures for this time is over: no client needs the broker.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// How much later than it happened a failure may be taken from a client's queue.
const SERVING_DELAY: Duration = Duration::from_secs(1);
/// The number of brokers that are remembered.
const MAX_BROKERS: usize = 1000;

/// A line to be logged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A broker has gone away, or is away for another reason than before.
    Away(Failure),
    /// A broker is still away.
    StillAway { failure: Failure, failures: u64, elapsed: Duration },
    /// A broker is back.
    Back { broker: String, failures: u64, elapsed: Duration },
}

/// The outage of one broker.
#[derive(Debug)]
struct Outage {
    failure: Failure,
    began: Instant,
    last_failure: Instant,
    failures: u64,
    /// The cause that was logged last.
    logged: Option<Cause>,
    /// When the next repetition is logged; `None` before the first line.
    reminder: Option<(Instant, Duration)>,
}

/// The outages of all brokers.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    outages: BTreeMap<String, Outage>,
    /// When a line about the broker was logged last.
    last_lines: BTreeMap<String, Instant>,
}

impl Outages {
    /// Takes a failed connection. Returns the line to be logged.
    pub(crate) fn fail(&mut self, failure: Failure, now: Instant) -> Option<Line> {
        self.outages.retain(|_, outage| now.duration_since(outage.last_failure) < FORGOTTEN);
        let broker = failure.broker.clone();
        if self.outages.len() >= MAX_BROKERS && !self.outages.contains_key(&broker) {
            return None;
        }
        let outage = self.outages.entry(broker.clone()).or_insert_with(|| Outage {
            failure: failure.clone(),
            began: now,
            last_failure: now,
            failures: 0,
            logged: None,
            reminder: None,
        });
        outage.failures += 1;
        outage.last_failure = now;
        let has_changed = outage.logged.is_some_and(|cause| cause != failure.cause);
        outage.failure = failure;
        let line = match outage.reminder {
            Some((at, pause)) if now >= at => {
                let pause = (2 * pause).min(MAX_REMINDER);
                outage.reminder = Some((now + pause, pause));
                let Outage { failure, failures, .. } = &*outage;
                let elapsed = now.duration_since(outage.began);
                Line::StillAway { failure: failure.clone(), failures: *failures, elapsed }
            }
            Some(_) if !has_changed => return None,
            _ => {
                let last = self.last_lines.get(&broker);
                let is_soon = last.is_some_and(|last| now.duration_since(*last) < MIN_PAUSE);
                if is_soon {
                    return None;
                }
                outage.reminder = Some((now + FIRST_REMINDER, FIRST_REMINDER));
                outage.logged = Some(outage.failure.cause);
                Line::Away(outage.failure.clone())
            }
        };
        self.note_line(broker, now);
        Some(line)
    }

    /// Takes the news that a client is connected to the broker since `connected`. Returns the line to be logged.
    pub(crate) fn connect(&mut self, broker: &str, connected: Instant, now: Instant) -> Option<Line> {
        // A connection from before the outage says nothing about new ones.
        if self.outages.get(broker).is_none_or(|outage| connected + SERVING_DELAY < outage.last_failure) {
            return None;
        }
        let Outage { failures, began, reminder, .. } = self.outages.remove(broker)?;
        reminder?;
        self.note_line(broker.to_owned(), now);
        Some(Line::Back { broker: broker.to_owned(), failures, elapsed: now.duration_since(began) })
    }

    /// Returns the failure that explains why a request got no answer, with the number of failures and the time since the
    /// first one.
    pub(crate) fn explanation(&self, now: Instant) -> Option<(&Failure, u64, Duration)> {
        let outages = self.outages.values();
        let recent = outages.filter(|outage| now.duration_since(outage.last_failure) < EXPLAINING);
        let latest = recent.max_by_key(|outage| outage.last_failure)?;
        Some((&latest.failure, latest.failures, now.duration_since(latest.began)))
    }

    fn note_line(&mut self, broker: String, now: Instant) {
        self.last_lines.retain(|_, at| now.duration_since(*at) < MIN_PAUSE);
        self.last_lines.insert(broker, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failure(broker: &str, cause: Cause) -> Failure {
        Failure { broker: broker.to_owned(), cause, text: "words".to_owned() }
    }

    #[test]
    fn outage_is_logged_once_then_with_a_count() {
        let (start, mut outages) = (Instant::now(), Outages::default());
        let refused = failure("b:1", Cause::Refused);
        assert_eq!(outages.fail(refused.clone(), start), Some(Line::Away(refused.clone())));
        let lines: Vec<_> =
            (1..=300).filter_map(|n| outages.fail(refused.clone(), start + n * SECOND)).collect();
        let still = |n: u32| Line::StillAway {
            failure: refused.clone(),
            failures: u64::from(n) + 1,
            elapsed: n * SECOND,
        };
        assert_eq!(lines, [still(60), still(180)]);
        let back = outages.connect("b:1", start + 301 * SECOND, start + 302 * SECOND);
        assert_eq!(back, Some(Line::Back { broker: "b:1".to_owned(), failures: 301, elapsed: 302 * SECOND }));
        assert_eq!(outages.connect("b:1", start + 301 * SECOND, start + 303 * SECOND), None);
    }

    #[test]
    fn other_cause_is_logged_after_a_pause() {
        let (start, mut outages) = (Instant::now(), Outages::default());
        let denied = failure("b:1", Cause::Credentials);
        assert!(outages.fail(failure("b:1", Cause::Refused), start).is_some());
        assert_eq!(outages.fail(denied.clone(), start + SECOND), None);
        assert_eq!(outages.fail(failure("b:1", Cause::Refused), start + 2 * SECOND), None);
        assert_eq!(outages.fail(denied.clone(), start + 40 * SECOND), Some(Line::Away(denied)));
    }

    #[test]
    fn older_connection_does_not_end_an_outage() {
        let (start, mut outages) = (Instant::now(), Outages::default());
        outages.fail(failure("b:1", Cause::Credentials), start + 5 * SECOND);
        assert_eq!(outages.connect("b:1", start, start + 6 * SECOND), None);
        assert!(outages.explanation(start + 6 * SECOND).is_some());
        assert!(outages.connect("b:1", start + 6 * SECOND, start + 7 * SECOND).is_some());
        assert!(outages.explanation(start + 7 * SECOND).is_none());
    }

    #[test]
    fn flapping_broker_is_logged_at_most_every_30_seconds() {
        let (start, mut outages) = (Instant::now(), Outages::default());
        let mut lines = 0;
        for n in 0..60 {
            let now = start + n * SECOND;
            lines += usize::from(outages.fail(failure("b:1", Cause::Refused), now).is_some());
            lines += usize::from(outages.connect("b:1", now, now).is_some());
        }
        assert_eq!(lines, 4);
    }

    #[test]
    fn old_failure_explains_nothing() {
        let (start, mut outages) = (Instant::now(), Outages::default());
        outages.fail(failure("b:1", Cause::Refused), start);
        outages.fail(failure("b:2", Cause::Timeout), start + SECOND);
        let now = start + 2 * SECOND;
        assert_eq!(outages.explanation(now).map(|(failure, ..)| failure.broker.as_str()), Some("b:2"));
        assert!(outages.explanation(start + EXPLAINING + SECOND).is_none());
    }
}
