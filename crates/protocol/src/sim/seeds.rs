//! The loop over all seeds.

use super::rng::Rng;
use crate::guard::{Guard, run_without};

/// The number of seeds of one test, which suffices to meet every fault many times.
const SEEDS: u64 = 2000;
/// The number of seeds among which one has to fail without a guard.
const MAX_GUARD_SEEDS: u64 = 3000;

/// Runs every seed, or the one in `SPANBRIDGE_SEED`.
///
/// # Panics
/// On the first seed that fails.
pub(super) fn run_all_seeds(run: impl Fn(Rng) -> Result<(), String>) {
    let one = std::env::var("SPANBRIDGE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = one.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        if let Err(error) = run(Rng::new(seed)) {
            panic!("seed {seed}: {error}");
        }
    }
}

/// Requires that some seed fails without the guard, with an error that contains `expected`.
///
/// # Panics
/// If no seed fails in this way.
pub(super) fn assert_fails_without(guard: Guard, expected: &str, run: impl Fn(Rng) -> Result<(), String>) {
    let failure = |seed| run(Rng::new(seed)).err().filter(|error| error.contains(expected));
    let first = run_without(guard, || (0..MAX_GUARD_SEEDS).find_map(|seed| Some((seed, failure(seed)?))));
    let (seed, error) = first.unwrap_or_else(|| panic!("no seed fails without {guard:?}"));
    println!("seed {seed}: {error}");
}
