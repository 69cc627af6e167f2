//! `cargo run -p chaos --release -- --minutes 5 --seed 1`: runs both services on a real broker, emulator and registry
//! through random faults, and checks the recorded history.
//!
//! ```text
//! world        broker, emulator, registry, database and configuration
//! writer       produces records, and commits Spanner transactions
//! fleet        the workers, which are child processes of this binary
//! fault        the kinds of faults; injector carries them out
//! progress     waits until both services have processed everything, or stall
//! collect      reads the results into a history
//! check        compares the history with what was written: pure functions
//! report       prints faults, figures and anomalies
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod check;
mod collect;
mod fault;
mod fleet;
mod history;
mod injector;
mod progress;
mod report;
mod run;
mod world;
mod writer;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

/// The allocator of the binary `spanbridge`, which the workers are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The result of a step. An error means that the run could not be completed, not that an anomaly was found.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The commands with which the workers are started.
const SERVICES: [&str; 2] = ["ingest", "publish"];

/// The stack size of the runtime's threads, in bytes.
const THREAD_STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    // A worker is this binary too, so that it is always of the same version.
    if std::env::args().nth(1).is_some_and(|command| SERVICES.contains(&command.as_str())) {
        return spanbridge::run();
    }
    let args = args::Args::parse();
    let runtime = Builder::new_multi_thread().enable_all().thread_stack_size(THREAD_STACK_BYTES).build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run::run(args)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos could not complete its run: {error}");
            ExitCode::from(2)
        }
    }
}
