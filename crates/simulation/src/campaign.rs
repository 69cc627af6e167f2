//! Many seeds of one scenario, on all cores.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use spanbridge_protocol::sim::{RunReport, Scenario};

/// The seeds to run.
pub(crate) struct Campaign {
    pub(crate) scenario: Scenario,
    pub(crate) seeds: Range<u64>,
    pub(crate) time_limit: Option<Duration>,
}

/// The results of all seeds.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The number of seeds that ran.
    pub(crate) runs: u64,
    pub(crate) elapsed: Duration,
    /// The number of events by kind.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// The smallest seed that failed, of those that ran.
    pub(crate) failed: Option<FailedSeed>,
}

/// A seed that failed.
#[derive(Debug, Clone)]
pub(crate) struct FailedSeed {
    pub(crate) seed: u64,
    pub(crate) error: String,
}

impl Campaign {
    /// Runs the seeds. After the first failure no further ones are started.
    pub(crate) fn run(&self) -> Outcome {
        let started = Instant::now();
        let (next, has_failed) = (AtomicU64::new(self.seeds.start), AtomicBool::new(false));
        let total = Mutex::new(Outcome::default());
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    let mut outcome = Outcome::default();
                    while !has_failed.load(Ordering::Relaxed)
                        && self.time_limit.is_none_or(|limit| started.elapsed() < limit)
                    {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.seeds.end {
                            break;
                        }
                        outcome.add(seed, run(self.scenario, seed, Scenario::FAULTY_STEPS, false));
                        has_failed.fetch_or(outcome.failed.is_some(), Ordering::Relaxed);
                    }
                    total.lock().unwrap_or_else(PoisonError::into_inner).merge(outcome);
                });
            }
        });
        let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        Outcome { elapsed: started.elapsed(), ..total }
    }
}

impl Outcome {
    fn add(&mut self, seed: u64, report: RunReport) {
        self.runs += 1;
        for (kind, count) in report.tally.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        if let Err(error) = report.result {
            self.failed = Some(FailedSeed { seed, error });
        }
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        let failed = self.failed.take().into_iter().chain(other.failed);
        self.failed = failed.min_by_key(|failed| failed.seed);
    }
}

/// Runs one seed. A panic of the state machines is an error.
pub(crate) fn run(scenario: Scenario, seed: u64, faulty_steps: usize, has_history: bool) -> RunReport {
    let run = AssertUnwindSafe(|| scenario.run(seed, faulty_steps, has_history));
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        RunReport { result: Err(format!("panicked: {text}")), tally: Scenario::tally_of_panicked_run() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_seeds_run_and_their_faults_are_counted() {
        for scenario in Scenario::ALL {
            let outcome = Campaign { scenario, seeds: 5..25, time_limit: None }.run();
            assert_eq!(outcome.runs, 20, "{}", scenario.name);
            assert!(outcome.failed.is_none(), "{}: {:?}", scenario.name, outcome.failed);
            assert!(outcome.counts.len() >= 3, "{}: {:?}", scenario.name, outcome.counts);
        }
    }

    #[test]
    fn no_seed_starts_after_the_time_limit() {
        let scenario = Scenario::ALL[0];
        let outcome = Campaign { scenario, seeds: 0..1000, time_limit: Some(Duration::ZERO) }.run();
        assert_eq!(outcome.runs, 0);
    }
}
