use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::{Version, parse_duration};
use spanbridge_ingest::plan::PrimaryKey;

/// The arguments of `spanbridge replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Create a version's tables and views, and register its first positions
    Start(StartArgs),
    /// Show the progress of a version
    Status(StatusArgs),
    /// Compare a version's rows with those of the active version, by key, at one timestamp
    Compare(CompareArgs),
    /// Make a version the active one, or switch back
    Switch(SwitchArgs),
    /// Drop a version's tables and delete its stored state
    Drop(DropArgs),
}

/// The arguments that select a pipeline.
#[derive(Debug, clap::Args)]
pub(super) struct PipelineArgs {
    /// The configuration file, with the [[ingest]] sections of the version and of the one before
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Name of the pipeline, without a version
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: String,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay start --config orders.toml --pipeline orders --from earliest
  spanbridge replay start --config orders.toml --pipeline orders --from 2026-11-01T00:00:00Z
  spanbridge replay start --config orders.toml --pipeline orders --from orders/0=1200,orders/1=1187

Creates the missing tables <Table>_v<N> and columns as `plan --apply` does, and a view <Table>Live over each table, which shows the
rows of the active version. It then registers the first positions of all partitions in one commit. Afterwards run `spanbridge
ingest` with the file: the version is one more pipeline. Readers see no change until the switch.

Exit codes: 0 started; 1 it was started before, or the database refused; 2 wrong usage or configuration, or the log does not hold
the offsets; 3 Kafka, Spanner or the registry cannot be reached.")]
pub(super) struct StartArgs {
    #[command(flatten)]
    pub(super) pipeline: PipelineArgs,

    /// Version; default: the highest version in the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// First records: earliest, a time, offsets as topic/partition=offset,…, or @FILE with offsets
    #[arg(long, value_name = "FROM")]
    pub(super) from: String,

    /// Primary key of a new table; default: that of the previous version; may be repeated
    #[arg(long, value_name = "TABLE=COLUMN,…")]
    pub(super) key: Vec<PrimaryKey>,

    /// REST address of the emulator's gateway; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(super) emulator_rest: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay status --config orders.toml --pipeline orders
  spanbridge replay status --config orders.toml --pipeline orders --wait --timeout 2h && spanbridge replay compare …
  spanbridge replay status --config orders.toml --pipeline orders --json | jq .behind

With --wait the command ends when no partition is behind the active version, however far that is from the end of the log.

Exit codes: 0 shown, or caught up; 1 not started, or not caught up in time; 2 wrong usage or configuration; 3 Kafka, Spanner or
the registry cannot be reached.")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) pipeline: PipelineArgs,

    /// Version; default: the highest version in the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Wait until the version has caught up with the active one
    #[arg(long)]
    pub(super) wait: bool,

    /// Longest wait, such as 90s or 2h; default: unlimited
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(super) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay compare --config orders.toml --pipeline orders
  spanbridge replay compare --config orders.toml --pipeline orders --show-keys

Reads the tables of both versions once, at one timestamp, and merges them by key. It compares the columns that the new mapping
writes and that both tables have. A checksum covers these columns of all rows, in any order. Where the positions of the versions
differ at the timestamp, the rows of the records in between differ too. The comparison must finish within the database's
version_retention_period, which is one hour by default.

Exit codes: 0 equal; 1 rows differ, or the database refused; 2 wrong usage or configuration; 3 Spanner cannot be reached.")]
pub(super) struct CompareArgs {
    #[command(flatten)]
    pub(super) pipeline: PipelineArgs,

    /// Version; default: the highest version in the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// Print the first ten keys of rows that differ; keys are data
    #[arg(long)]
    pub(super) show_keys: bool,

    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge replay switch --config orders.toml --pipeline orders
  spanbridge replay switch --config orders.toml --pipeline orders --to 1       switch back
  spanbridge replay switch --config orders.toml --pipeline orders --max-behind 500

The switch is one commit: after it, all readers of the Live views see the version, in all tables at once. It is refused while any
partition of the version is behind the active version. Workers continue to write both versions.

Exit codes: 0 switched, or already active; 1 the version is behind, or a view does not show it; 2 wrong usage or configuration; 3
Spanner cannot be reached.")]
pub(super) struct SwitchArgs {
    #[command(flatten)]
    pub(super) pipeline: PipelineArgs,

    /// Version; default: the highest version in the file
    #[arg(long, value_name = "N")]
    pub(super) to: Option<Version>,

    /// Number of records by which the version may be behind, over all partitions
    #[arg(long, value_name = "RECORDS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub(super) max_behind: i64,

    /// Longest wait for a moment at which the version is not behind
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(super) timeout: Duration,

    /// Switch even if the version is behind
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay drop --config orders.toml --pipeline orders --version 1

First remove the version from the workers' file and restart them, but keep it in the file that this command reads. The command
drops the version's tables and merged views, removes it from the Live views, and deletes its dead letters, gaps and positions.
This cannot be undone. The command can be interrupted at any point, and repeated.

Exit codes: 0 dropped, or not confirmed; 1 the version is active, workers run it, or the database refused; 2 wrong usage or
configuration; 3 Kafka or Spanner cannot be reached.")]
pub(super) struct DropArgs {
    #[command(flatten)]
    pub(super) pipeline: PipelineArgs,

    /// The version to drop
    #[arg(long, value_name = "N")]
    pub(super) version: Version,

    /// Do not ask for confirmation
    #[arg(long)]
    pub(super) yes: bool,

    /// REST address of the emulator's gateway; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(super) emulator_rest: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "expected a duration such as 90s or 2h".to_owned())
}
