//! All kinds of runs by name.

use super::rng::Rng;
use super::tally::{self, Tally};
use super::{ingest, publish};

/// One kind of run.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    run: fn(Rng) -> Result<(), String>,
}

/// The result of one run.
#[derive(Debug)]
pub struct RunReport {
    /// The error that the checker found.
    pub result: Result<(), String>,
    /// The events of the run.
    pub tally: Tally,
}

impl Scenario {
    /// All kinds of runs.
    pub const ALL: [Self; 7] = [
        Self { name: "ingest", run: ingest::run },
        Self { name: "publish", run: publish::run },
        Self { name: "publish-to-an-end", run: publish::run_to_an_end },
        Self { name: "publish-snapshot", run: publish::run_with_a_snapshot },
        Self { name: "publish-atomic", run: publish::run_atomic },
        Self { name: "publish-incremental", run: publish::run_with_incremental_snapshots },
        Self { name: "publish-atomic-incremental", run: publish::run_atomic_with_incremental_snapshots },
    ];

    /// The number of steps with faults.
    pub const FAULTY_STEPS: usize = super::rng::FAULTY_STEPS;

    /// Returns the kind of run with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// Runs one seed, with faults in the first `faulty_steps` steps.
    ///
    /// # Panics
    /// If an assertion of the state machines fails.
    #[must_use]
    pub fn run(self, seed: u64, faulty_steps: usize, has_history: bool) -> RunReport {
        tally::reset(has_history);
        let result = (self.run)(Rng::new(seed).with_faulty_steps(faulty_steps));
        RunReport { result, tally: tally::take() }
    }

    /// Returns the events of the run on this thread that has panicked.
    #[must_use]
    pub fn tally_of_panicked_run() -> Tally {
        tally::take()
    }
}
