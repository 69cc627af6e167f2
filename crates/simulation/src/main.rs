//! `cargo run -p simulation --release -- --seeds 1000000`: runs the state machines of both services through simulated
//! faults, one seed after the other.
//!
//! ```text
//! args      the command line
//! campaign  runs the seeds on all cores
//! failure   finds the shortest run of a seed that fails
//! report    prints the results
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod campaign;
mod failure;
mod report;

use std::process::ExitCode;

use clap::Parser as _;
use spanbridge_protocol::sim::Scenario;

use args::Args;
use campaign::Campaign;

fn main() -> ExitCode {
    let args = Args::parse();
    // A failed assertion of a state machine is a result, which is reported with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let scenarios = args.scenario.map_or_else(|| Scenario::ALL.to_vec(), |scenario| vec![scenario]);
    let mut is_passed = true;
    for scenario in scenarios {
        let outcome = Campaign { scenario, seeds: args.seeds(), time_limit: args.time_limit() }.run();
        report::print(scenario, &outcome);
        if let Some(failed) = outcome.failed {
            report::print_failure(scenario, &failure::shortest(scenario, &failed));
            is_passed = false;
        }
    }
    if is_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
