//! The decision whether and when a failed pipeline starts again.

use std::time::{Duration, Instant};

use crate::{Backoff, FailureClass};

/// The limits of restarts.
#[derive(Debug, Clone, Copy)]
pub struct RestartLimits {
    /// The pauses between restarts.
    pub backoff: Backoff,
    /// The time of consecutive retriable failures after which the pipeline stops.
    pub retriable: Duration,
    /// The time of consecutive refusals of the credentials after which the pipeline stops.
    pub credentials: Duration,
    /// The length of a run after which earlier failures are forgotten.
    pub stable_run: Duration,
}

impl Default for RestartLimits {
    /// The limits of the services ("Bounded restarts", docs/design/supervision.md). The time for credentials covers a
    /// secret that Kubernetes updates in a mounted volume, which takes up to about a minute and a half.
    fn default() -> Self {
        Self {
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(30)),
            retriable: Duration::from_secs(60 * 60),
            credentials: Duration::from_secs(2 * 60),
            stable_run: Duration::from_secs(60),
        }
    }
}

/// The consecutive failures of one pipeline.
#[derive(Debug)]
pub(crate) struct RestartBudget {
    limits: RestartLimits,
    backoff: Backoff,
    failing_since: Option<Instant>,
    denied_since: Option<Instant>,
}

impl RestartBudget {
    pub(crate) fn new(limits: RestartLimits) -> Self {
        Self { limits, backoff: limits.backoff, failing_since: None, denied_since: None }
    }

    /// Counts a failure of a run that started at `started`. Returns the pause before the next run, or `None` if the
    /// pipeline stops.
    pub(crate) fn count(&mut self, class: FailureClass, started: Instant, now: Instant) -> Option<Duration> {
        if now.saturating_duration_since(started) >= self.limits.stable_run {
            *self = Self::new(self.limits);
        }
        if class != FailureClass::Credentials {
            self.denied_since = None;
        }
        let has_time = |since: &mut Option<Instant>, limit| {
            now.saturating_duration_since(*since.get_or_insert(now)) < limit
        };
        let restarts = has_time(&mut self.failing_since, self.limits.retriable)
            && match class {
                FailureClass::Retriable => true,
                FailureClass::Credentials => has_time(&mut self.denied_since, self.limits.credentials),
                FailureClass::Permanent => false,
            };
        restarts.then(|| self.backoff.next_pause())
    }

    /// Returns the number of consecutive failures.
    pub(crate) fn failures(&self) -> u32 {
        self.backoff.failures()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Counts a failure right after the start of a run.
    fn fail(budget: &mut RestartBudget, class: FailureClass, at: Instant) -> bool {
        budget.count(class, at, at).is_some()
    }

    #[test]
    fn retriable_failures_restart_with_growing_pauses_until_the_limit() {
        let (mut budget, start) = (RestartBudget::new(RestartLimits::default()), Instant::now());
        for number in 1..100 {
            let at = start + s(36) * (number - 1);
            let pause = budget.count(FailureClass::Retriable, at, at).unwrap();
            assert!(pause <= s(30).min(s(1) * (1 << number.min(6))), "{pause:?} after failure {number}");
            assert_eq!(budget.failures(), number);
        }
        assert!(!fail(&mut budget, FailureClass::Retriable, start + s(3600)));
    }

    #[test]
    fn permanent_failure_never_restarts() {
        let mut budget = RestartBudget::new(RestartLimits::default());
        assert!(!fail(&mut budget, FailureClass::Permanent, Instant::now()));
    }

    #[test]
    fn refused_credentials_restart_for_a_short_time() {
        let (mut budget, start) = (RestartBudget::new(RestartLimits::default()), Instant::now());
        assert!(fail(&mut budget, FailureClass::Credentials, start));
        assert!(fail(&mut budget, FailureClass::Credentials, start + s(119)));
        assert!(!fail(&mut budget, FailureClass::Credentials, start + s(120)));
    }

    #[test]
    fn other_failure_ends_the_time_of_refused_credentials() {
        let (mut budget, start) = (RestartBudget::new(RestartLimits::default()), Instant::now());
        assert!(fail(&mut budget, FailureClass::Credentials, start));
        assert!(fail(&mut budget, FailureClass::Retriable, start + s(100)));
        assert!(fail(&mut budget, FailureClass::Credentials, start + s(200)));
    }

    #[test]
    fn stable_run_forgets_earlier_failures() {
        let (mut budget, start) = (RestartBudget::new(RestartLimits::default()), Instant::now());
        (0..30).for_each(|_| assert!(fail(&mut budget, FailureClass::Retriable, start)));
        let end = start + s(7200);
        assert!(budget.count(FailureClass::Retriable, end - s(60), end).is_some());
        assert_eq!(budget.failures(), 1);
    }
}
