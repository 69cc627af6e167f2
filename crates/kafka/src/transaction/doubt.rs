//! Detects that librdkafka may have sent a request twice.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// librdkafka's statistics of one broker connection that change when a request is resent. All are totals
/// since the client was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ResendCounters {
    pub(crate) retries: u64,
    pub(crate) timeouts: u64,
    pub(crate) disconnects: u64,
}

impl ResendCounters {
    fn exceed(self, before: ResendCounters) -> bool {
        self.retries > before.retries
            || self.timeouts > before.timeouts
            || self.disconnects > before.disconnects
    }
}

/// Collects every sign that a request may have been sent twice. The first one is kept as the reason until
/// [`clear`](Self::clear).
#[derive(Debug, Default)]
pub(crate) struct DoubtDetector(Mutex<Observations>);

#[derive(Debug, Default)]
struct Observations {
    reason: Option<String>,
    /// The latest counters of each broker.
    brokers: HashMap<String, ResendCounters>,
    /// The number of statistics reports so far.
    reports: u64,
}

impl DoubtDetector {
    /// Records a reason, unless there is one already.
    pub(crate) fn raise(&self, reason: impl FnOnce() -> String) {
        self.observations().raise(reason);
    }

    /// Returns the first reason since the last [`clear`](Self::clear).
    pub(crate) fn reason(&self) -> Option<String> {
        self.observations().reason.clone()
    }

    /// Compares one statistics report with the previous one. A broker that is new starts from zero, as in
    /// librdkafka.
    pub(crate) fn observe_statistics(&self, brokers: impl IntoIterator<Item = (String, ResendCounters)>) {
        let mut observations = self.observations();
        for (broker, now) in brokers {
            let before = observations.brokers.get(&broker).copied().unwrap_or_default();
            if now.exceed(before) {
                observations.raise(|| format!("statistics of {broker}: {now:?} after {before:?}"));
            }
            observations.brokers.insert(broker, now);
        }
        observations.reports += 1;
    }

    /// Returns the number of statistics reports so far.
    pub(crate) fn reports(&self) -> u64 {
        self.observations().reports
    }

    /// Forgets the reason and keeps the counters. Called at the end of `init`: no earlier request outlives
    /// the new epoch.
    pub(crate) fn clear(&self) {
        self.observations().reason = None;
    }

    fn observations(&self) -> MutexGuard<'_, Observations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observations {
    fn raise(&mut self, reason: impl FnOnce() -> String) {
        if self.reason.is_none() {
            let reason = reason();
            tracing::debug!(reason, "The outcome of the current transaction is in doubt");
            self.reason = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(retries: u64, timeouts: u64, disconnects: u64) -> ResendCounters {
        ResendCounters { retries, timeouts, disconnects }
    }

    fn observe(doubt: &DoubtDetector, broker: &str, counters: ResendCounters) {
        doubt.observe_statistics([(broker.to_owned(), counters)]);
    }

    #[test]
    fn any_growing_counter_raises_doubt() {
        for grown in [counters(1, 0, 0), counters(0, 1, 0), counters(0, 0, 1)] {
            let doubt = DoubtDetector::default();
            observe(&doubt, "b/1", counters(0, 0, 0));
            assert_eq!(doubt.reason(), None);
            observe(&doubt, "b/1", grown);
            assert!(doubt.reason().is_some(), "{grown:?}");
        }
    }

    #[test]
    fn counters_from_before_a_clear_raise_no_doubt() {
        let doubt = DoubtDetector::default();
        observe(&doubt, "b/1", counters(2, 1, 4));
        assert!(doubt.reason().is_some());
        doubt.clear();
        observe(&doubt, "b/1", counters(2, 1, 4));
        assert_eq!(doubt.reason(), None);
        observe(&doubt, "b/2", counters(0, 0, 1));
        assert!(doubt.reason().unwrap().contains("b/2"));
        assert_eq!(doubt.reports(), 3);
    }

    #[test]
    fn first_reason_is_kept() {
        let doubt = DoubtDetector::default();
        doubt.raise(|| "first".to_owned());
        doubt.raise(|| "second".to_owned());
        assert_eq!(doubt.reason().as_deref(), Some("first"));
    }
}
