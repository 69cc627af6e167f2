//! The deterministic simulation: one seed in, a whole run out, and a checker at its end.
//!
//! Run one seed alone with `SPANBRIDGE_SEED=17 cargo test -p spanbridge-protocol sim`.

mod ingest;
mod publish;
mod rng;

use rng::Rng;

use crate::guard::{Guard, run_without};

/// Seeds of one test; enough to meet every fault many times over.
const SEEDS: u64 = 3000;

/// Runs every seed and names the first that fails.
fn all_seeds(run: impl Fn(Rng) -> Result<(), String>) {
    let one = std::env::var("SPANBRIDGE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = one.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        if let Err(why) = run(Rng::new(seed)) {
            panic!("seed {seed}: {why}");
        }
    }
}

/// The first seed that fails without that guard, in that way.
fn first_failure(guard: Guard, how: &str, run: impl Fn(Rng) -> Result<(), String>) -> Option<(u64, String)> {
    let fails = |seed| run(Rng::new(seed)).err().filter(|why| why.contains(how)).map(|why| (seed, why));
    run_without(guard, || (0..SEEDS).find_map(fails))
}
