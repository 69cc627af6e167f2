//! The shortest run of a seed that fails.

use std::collections::VecDeque;

use spanbridge_protocol::sim::Scenario;

use crate::campaign::{FailedSeed, run};

/// The shortest run of a seed that fails.
#[derive(Debug)]
pub(crate) struct ShortestFailure {
    pub(crate) seed: u64,
    /// The number of steps with faults. More of them change nothing.
    pub(crate) faulty_steps: usize,
    pub(crate) error: String,
    /// The events in order.
    pub(crate) history: VecDeque<String>,
}

/// Finds the smallest number of steps with faults after which the seed fails, and its history.
pub(crate) fn shortest(scenario: Scenario, failed: &FailedSeed) -> ShortestFailure {
    let fails = |steps: &usize| run(scenario, failed.seed, *steps, false).result.is_err();
    let faulty_steps = (0..Scenario::FAULTY_STEPS).find(fails).unwrap_or(Scenario::FAULTY_STEPS);
    let report = run(scenario, failed.seed, faulty_steps, true);
    ShortestFailure {
        seed: failed.seed,
        faulty_steps,
        error: report.result.err().unwrap_or_else(|| failed.error.clone()),
        history: report.tally.history,
    }
}
