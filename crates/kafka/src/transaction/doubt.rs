use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a broker's statistics say about resends, as totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    pub(crate) retries: u64,
    pub(crate) timeouts: u64,
    pub(crate) disconnects: u64,
}

impl Signs {
    fn exceed(self, before: Signs) -> bool {
        self.retries > before.retries
            || self.timeouts > before.timeouts
            || self.disconnects > before.disconnects
    }
}

/// Collects every sign that a request may have been sent twice. Once set it stays, until `clear`.
#[derive(Debug, Default)]
pub(crate) struct Doubt(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reason: Option<String>,
    brokers: HashMap<String, Signs>,
    /// Statistics seen so far.
    reports: u64,
}

impl Doubt {
    pub(crate) fn raise(&self, reason: impl FnOnce() -> String) {
        let mut state = self.state();
        if state.reason.is_none() {
            let reason = reason();
            tracing::debug!(reason, "doubt");
            state.reason = Some(reason);
        }
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// One statistics report: totals of each broker. A broker not seen before starts from zero, as librdkafka does.
    pub(crate) fn report(&self, brokers: impl IntoIterator<Item = (String, Signs)>) {
        let mut state = self.state();
        for (broker, now) in brokers {
            let before = state.brokers.get(&broker).copied().unwrap_or_default();
            if now.exceed(before) && state.reason.is_none() {
                let reason = format!("statistics of {broker}: {now:?} after {before:?}");
                tracing::debug!(reason, "doubt");
                state.reason = Some(reason);
            }
            state.brokers.insert(broker, now);
        }
        state.reports += 1;
    }

    pub(crate) fn reports(&self) -> u64 {
        self.state().reports
    }

    /// For the end of `init`, which nothing of before can outlive. The totals stay.
    pub(crate) fn clear(&self) {
        self.state().reason = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(retries: u64, timeouts: u64, disconnects: u64) -> Signs {
        Signs { retries, timeouts, disconnects }
    }

    fn report(doubt: &Doubt, broker: &str, s: Signs) {
        doubt.report([(broker.to_owned(), s)]);
    }

    #[test]
    fn any_total_that_grows_is_doubt() {
        for grown in [signs(1, 0, 0), signs(0, 1, 0), signs(0, 0, 1)] {
            let doubt = Doubt::default();
            report(&doubt, "b/1", signs(0, 0, 0));
            assert_eq!(doubt.reason(), None);
            report(&doubt, "b/1", grown);
            assert!(doubt.reason().is_some(), "{grown:?}");
        }
    }

    #[test]
    fn totals_of_before_a_clear_are_no_doubt() {
        let doubt = Doubt::default();
        report(&doubt, "b/1", signs(2, 1, 4));
        assert!(doubt.reason().is_some());
        doubt.clear();
        report(&doubt, "b/1", signs(2, 1, 4));
        assert_eq!(doubt.reason(), None);
        report(&doubt, "b/2", signs(0, 0, 1));
        assert!(doubt.reason().unwrap().contains("b/2"));
        assert_eq!(doubt.reports(), 3);
    }

    #[test]
    fn the_first_reason_stays() {
        let doubt = Doubt::default();
        doubt.raise(|| "first".to_owned());
        doubt.raise(|| "second".to_owned());
        assert_eq!(doubt.reason().as_deref(), Some("first"));
    }
}
