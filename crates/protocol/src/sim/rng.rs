//! The source of randomness of a run.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The number of steps with faults.
pub(super) const FAULTY_STEPS: usize = 3000;

/// The random numbers of one run.
pub(super) struct Rng {
    numbers: ChaCha8Rng,
    faulty_steps: usize,
}

impl Rng {
    /// Creates the random numbers of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { numbers: ChaCha8Rng::seed_from_u64(seed), faulty_steps: FAULTY_STEPS }
    }

    /// Ends the faults after this number of steps, so that the beginning of a run can be repeated alone.
    pub(super) fn with_faulty_steps(self, faulty_steps: usize) -> Self {
        Self { faulty_steps, ..self }
    }

    /// Returns the number of steps with faults.
    pub(super) fn faulty_steps(&self) -> usize {
        self.faulty_steps
    }

    /// Returns a number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.numbers.random_range(0..bound)
    }

    /// Returns true with a chance of `chance` percent.
    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// Removes and returns any element. The order of the others may change.
    pub(super) fn draw<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        if from.is_empty() { None } else { Some(from.swap_remove(self.below(from.len()))) }
    }
}
