//! The printed results.

use spanbridge_protocol::sim::Scenario;

use crate::campaign::Outcome;
use crate::failure::ShortestFailure;

/// Prints the number of seeds, their rate, and the events by kind.
pub(crate) fn print(scenario: Scenario, outcome: &Outcome) {
    let seconds = outcome.elapsed.as_secs_f64();
    let runs = u32::try_from(outcome.runs).map_or(f64::INFINITY, f64::from);
    println!(
        "{}: {} seeds in {seconds:.1} s ({:.0}/s)",
        scenario.name,
        outcome.runs,
        runs / seconds.max(0.001)
    );
    for (kind, count) in &outcome.counts {
        println!("  {count:>12}  {kind}");
    }
}

/// Prints the shortest history that fails, and the command that repeats the seed.
pub(crate) fn print_failure(scenario: Scenario, failure: &ShortestFailure) {
    let ShortestFailure { seed, faulty_steps, error, history } = failure;
    println!("seed {seed} fails with faults in its first {faulty_steps} steps: {error}");
    for (number, event) in history.iter().enumerate() {
        println!("  {number:>5}  {event}");
    }
    println!("repeat it: cargo run -p simulation --release -- --scenario {} --seed {seed}", scenario.name);
}
