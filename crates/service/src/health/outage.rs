use std::time::{Duration, Instant};

use super::cause::Cause;

/// The times of an [`Outage`].
#[derive(Debug, Clone, Copy)]
pub(super) struct OutageLimits {
    /// The time for which a part must answer without a failure until it counts as back.
    pub(super) recovery: Duration,
    /// The time between two reports of the same outage.
    pub(super) repeat: Duration,
}

/// An event of an outage that is worth a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutageEvent {
    /// The part has gone away.
    Began,
    /// The outage has a cause that only a person can remove, which was not known before.
    Explained,
    /// The part is still away.
    Continues {
        /// The time since the first failure.
        lasted: Duration,
        /// The number of failures so far.
        failures: u64,
    },
    /// The part has been back for the recovery time.
    Ended {
        /// The time from the first failure to the first answer after the last one.
        lasted: Duration,
        /// The number of failures.
        failures: u64,
    },
}

/// An outage that lasts.
#[derive(Debug, Clone)]
pub(super) struct OutageState {
    /// The time of the first failure.
    pub(super) since: Instant,
    /// The number of failures.
    pub(super) failures: u64,
    /// The most specific cause of the outage.
    pub(super) cause: Cause,
    /// The error text that belongs to the cause.
    pub(super) message: String,
    last_failure: Instant,
    reported: Instant,
    /// The first answer after the last failure.
    answered: Option<Instant>,
}

/// Decides which failures and answers of one part are worth a log line: one when the part goes away, one in each
/// repeat interval, and one when it is back.
///
/// A part that answers for a moment between failures is still away, so a flapping part causes few lines.
#[derive(Debug)]
pub(super) struct Outage {
    limits: OutageLimits,
    state: Option<OutageState>,
}

impl Outage {
    /// Returns the state of a part that is not away.
    #[must_use]
    pub(super) fn new(limits: OutageLimits) -> Self {
        Self { limits, state: None }
    }

    /// Returns the current outage, or `None` if the part is not away.
    #[must_use]
    pub(super) fn state(&self) -> Option<&OutageState> {
        self.state.as_ref()
    }

    /// Notes a failed request.
    pub(super) fn failed(&mut self, now: Instant, message: &str) -> Option<OutageEvent> {
        let cause = Cause::of(message);
        match &mut self.state {
            None => {
                self.state = Some(OutageState {
                    since: now,
                    failures: 1,
                    cause,
                    message: message.to_owned(),
                    last_failure: now,
                    reported: now,
                    answered: None,
                });
                Some(OutageEvent::Began)
            }
            Some(state) => {
                state.failures += 1;
                state.last_failure = now;
                state.answered = None;
                state.explain(now, cause, message)
            }
        }
    }

    /// Notes an answer.
    pub(super) fn answered(&mut self, now: Instant) {
        if let Some(state) = &mut self.state {
            state.answered.get_or_insert(now);
        }
    }

    /// Returns the event that is due.
    pub(super) fn tick(&mut self, now: Instant) -> Option<OutageEvent> {
        let state = self.state.as_mut()?;
        let (since, failures) = (state.since, state.failures);
        if let Some(answered) = state.answered
            && now.saturating_duration_since(answered) >= self.limits.recovery
        {
            self.state = None;
            return Some(OutageEvent::Ended { lasted: answered.saturating_duration_since(since), failures });
        }
        if now.saturating_duration_since(state.reported) >= self.limits.repeat {
            state.reported = now;
            return Some(OutageEvent::Continues { lasted: now.saturating_duration_since(since), failures });
        }
        None
    }
}

impl OutageState {
    /// Returns true if the part has answered since its last failure.
    #[must_use]
    pub(super) fn is_answering(&self) -> bool {
        self.answered.is_some()
    }

    /// Keeps the most specific cause. One that needs a person is reported when it is found.
    fn explain(&mut self, now: Instant, cause: Cause, message: &str) -> Option<OutageEvent> {
        if !cause.is_at_least_as_specific_as(self.cause) {
            return None;
        }
        let is_news = cause.needs_a_person() && !self.cause.needs_a_person();
        self.cause = cause;
        message.clone_into(&mut self.message);
        if is_news {
            self.reported = now;
        }
        is_news.then_some(OutageEvent::Explained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: OutageLimits =
        OutageLimits { recovery: Duration::from_secs(5), repeat: Duration::from_secs(60) };

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn outage_has_one_line_at_its_start_one_a_minute_and_one_at_its_end() {
        let (mut outage, start) = (Outage::new(LIMITS), Instant::now());
        assert_eq!(outage.tick(start), None);
        let mut events = Vec::new();
        for second in 0..150 {
            let now = start + seconds(second);
            events.extend(outage.failed(now, "Connection refused"));
            events.extend(outage.tick(now));
        }
        outage.answered(start + seconds(150));
        assert_eq!(outage.tick(start + seconds(154)), None);
        events.extend(outage.tick(start + seconds(155)));
        assert_eq!(
            events,
            [
                OutageEvent::Began,
                OutageEvent::Continues { lasted: seconds(60), failures: 61 },
                OutageEvent::Continues { lasted: seconds(120), failures: 121 },
                OutageEvent::Ended { lasted: seconds(150), failures: 150 },
            ]
        );
        assert!(outage.state().is_none());
    }

    #[test]
    fn flapping_part_is_one_outage() {
        let (mut outage, start) = (Outage::new(LIMITS), Instant::now());
        let mut events = Vec::new();
        for second in 0..20 {
            let now = start + seconds(2 * second);
            events.extend(outage.failed(now, "timed out"));
            outage.answered(now + seconds(1));
            events.extend(outage.tick(now + seconds(1)));
        }
        assert_eq!(events, [OutageEvent::Began]);
        let end = outage.tick(start + seconds(44));
        assert_eq!(end, Some(OutageEvent::Ended { lasted: seconds(39), failures: 20 }));
    }

    #[test]
    fn cause_that_needs_a_person_is_reported_once_and_kept() {
        let (mut outage, now) = (Outage::new(LIMITS), Instant::now());
        assert_eq!(outage.failed(now, "timed out"), Some(OutageEvent::Began));
        assert_eq!(outage.failed(now, "SASL authentication error"), Some(OutageEvent::Explained));
        assert_eq!(outage.failed(now, "timed out"), None);
        assert_eq!(outage.failed(now, "SASL authentication error"), None);
        let state = outage.state().unwrap();
        assert_eq!((state.cause, &*state.message), (Cause::Authentication, "SASL authentication error"));
    }
}
