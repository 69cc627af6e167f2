//! `spanbridge`: the command line.

mod args;
mod check;
mod chosen;
mod confirm;
mod letters;
mod migrate;
mod plan;
mod process;
mod replay;
mod service;
mod snapshot;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use spanbridge::{Error, Kind, Result, demo};

use args::{Args, Command};

/// For threads that still block when all is done.
const LEFTOVERS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // Wrong usage ends here, with exit code 2.
    let args = Args::parse();
    match run(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.kind().exit_code();
            eprintln!("{:?}", miette::Report::new(error));
            ExitCode::from(code)
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::new(Kind::Failed, "io", format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Migrate(args) => migrate::run(&args).await,
            Command::Check(args) => check::run(&args).await,
            Command::Plan(args) => plan::run(&args).await,
            Command::Ingest(args) => service::ingest(&args).await,
            Command::Publish(args) => service::publish(&args).await,
            Command::Snapshot(args) => snapshot::run(&args).await,
            Command::DeadLetters(args) => letters::run(&args).await,
            Command::Replay(args) => replay::run(&args).await,
            Command::Demo(options) => demo::run(options).await,
        }
    });
    runtime.shutdown_timeout(LEFTOVERS);
    outcome
}
