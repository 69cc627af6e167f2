//! The grammar of the command line, and the call of each command.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::check::CheckArgs;
use crate::dead_letters::DeadLettersArgs;
use crate::error::{Error, ErrorKind, Result};
use crate::migrate::MigrateArgs;
use crate::plan::PlanArgs;
use crate::positions::PositionsArgs;
use crate::replay::ReplayArgs;
use crate::service::ServiceArgs;
use crate::snapshot::SnapshotArgs;
use crate::{check, dead_letters, migrate, plan, positions, replay, service, snapshot};

/// The longest wait for threads that still block after the command has returned.
const THREAD_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Exactly-once bridge between Kafka and Cloud Spanner.
#[derive(Debug, clap::Parser)]
#[command(name = "spanbridge", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Exit codes: 0 success; 1 a check failed or a pipeline stopped; 2 wrong usage or configuration; 3 a prerequisite is missing, or
Kafka, Spanner or the registry cannot be reached.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create or update the bridge's own tables in the database
    Migrate(MigrateArgs),
    /// Check the configuration, with --live also against topics, schemas and tables; print each pipeline's guarantees
    Check(CheckArgs),
    /// Print the DDL that the mappings still need, or run it
    Plan(PlanArgs),
    /// Read Kafka topics and commit rows, aggregates and positions to Spanner
    Ingest(ServiceArgs),
    /// Read Spanner change streams and write records to Kafka, together with their positions
    Publish(ServiceArgs),
    /// Publish all rows of some tables again while changes continue, or show the progress
    Snapshot(SnapshotArgs),
    /// List, show, replay or delete records that could not be applied
    DeadLetters(DeadLettersArgs),
    /// Set the position of a partition that has stopped, where nothing tells where to continue
    Positions(PositionsArgs),
    /// Rebuild a pipeline's tables as a new version, compare it with the active one, and switch
    Replay(ReplayArgs),
    /// Start Kafka, Spanner and a registry, run both services on real data, and check the results
    #[cfg(feature = "demo")]
    Demo(spanbridge_demo::Options),
}

/// Parses the process arguments and runs the command.
pub(crate) fn run() -> ExitCode {
    // Wrong usage exits here, with code 2.
    let arguments = Arguments::parse();
    match block_on(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.kind().exit_code();
            eprintln!("{:?}", miette::Report::new(error));
            ExitCode::from(code)
        }
    }
}

/// The stack of each runtime thread, in bytes. Without optimisation the services' futures need more than Tokio's 2 MiB.
const THREAD_STACK_SIZE: usize = 8 << 20;

fn block_on(command: Command) -> Result<()> {
    let runtime = Builder::new_multi_thread().enable_all().thread_stack_size(THREAD_STACK_SIZE).build();
    let runtime = runtime.map_err(|error| {
        Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot start threads: {error}"))
    })?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Migrate(args) => migrate::run(&args).await,
            Command::Check(args) => check::run(&args).await,
            Command::Plan(args) => plan::run(&args).await,
            Command::Ingest(args) => service::ingest(&args).await,
            Command::Publish(args) => service::publish(&args).await,
            Command::Snapshot(args) => snapshot::run(&args).await,
            Command::DeadLetters(args) => dead_letters::run(&args).await,
            Command::Positions(args) => positions::run(&args).await,
            Command::Replay(args) => replay::run(&args).await,
            #[cfg(feature = "demo")]
            Command::Demo(options) => Ok(spanbridge_demo::run(options).await?),
        }
    });
    runtime.shutdown_timeout(THREAD_SHUTDOWN_TIMEOUT);
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use spanbridge_testbed::child_process::UNTIL_EOF;

    use super::*;

    #[test]
    fn grammar_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn migrate_needs_a_file_unless_it_prints() {
        assert!(Arguments::try_parse_from(["spanbridge", "migrate", "--print"]).is_ok());
        assert!(Arguments::try_parse_from(["spanbridge", "migrate"]).is_err());
    }

    #[test]
    fn services_accept_the_flag_that_the_testbed_passes() {
        let arguments = ["spanbridge", "publish", "--config", "f", UNTIL_EOF];
        let Command::Publish(args) = Arguments::try_parse_from(arguments).unwrap().command else {
            panic!("not publish")
        };
        assert!(args.until_eof);
    }
}
