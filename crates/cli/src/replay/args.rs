use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::{Version, parse_duration};
use spanbridge_ingest::plan::PrimaryKey;

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Make a version's tables and views, and register where it begins to read
    Start(Start),
    /// Show how far a version has come
    Status(Status),
    /// Compare a version's rows with those that are read, by key, at one instant
    Compare(Compare),
    /// Make a version the one that is read; also the way back
    Switch(Switch),
    /// Take a version's tables and stored state away
    Drop(Drop),
}

/// Which pipeline.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The configuration file, with the version's [[ingest]] and the one before
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// The pipeline's name, without a version
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

Makes what the version's tables <Table>_v<N> lack, as `plan --apply` does, and a view <Table>Live over each table, which shows the
rows of the version that is read. Then it registers the first positions of all partitions in one commit. Run `spanbridge ingest`
with the file after it: the version is one more pipeline. Until the switch, readers see no change.

Exit codes: 0 started; 1 it has been started before, or the database refused; 2 wrong usage or configuration, or offsets that the
log does not hold; 3 a part cannot be reached.")]
pub(super) struct Start {
    #[command(flatten)]
    pub(super) of: Of,

    /// Default: the highest version of the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// Where to begin: earliest, a time, offsets as topic/partition=offset,…, or @FILE with offsets
    #[arg(long, value_name = "FROM")]
    pub(super) from: String,

    /// The primary key of a table to create; default: that of the version before. May be repeated
    #[arg(long, value_name = "TABLE=COLUMN,…")]
    pub(super) key: Vec<PrimaryKey>,

    /// REST address of the emulator's gateway; without it, 9020 beside a gRPC port of 9010
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

With --wait it ends when no partition is behind the version that is read, however far that is from the end of the log.

Exit codes: 0 shown, or caught up; 1 not started, or not caught up in time; 2 wrong usage or configuration; 3 a part cannot be
reached.")]
pub(super) struct Status {
    #[command(flatten)]
    pub(super) of: Of,

    /// Default: the highest version of the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// One JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Wait until it has caught up with the version that is read
    #[arg(long)]
    pub(super) wait: bool,

    /// The longest wait, such as 90s or 2h. Default: none
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(super) timeout: Option<Duration>,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay compare --config orders.toml --pipeline orders
  spanbridge replay compare --config orders.toml --pipeline orders --show-keys

Reads both versions' tables once, as they were at one instant, and merges them by key: columns that the new mapping writes and both
tables have. A checksum is of all rows of those columns, whatever their order. Where positions differed at that instant, rows of the
records in between do too. It must end within the database's version_retention_period, an hour unless it is set longer.

Exit codes: 0 equal; 1 rows differ, or the database refused; 2 wrong usage or configuration; 3 Spanner cannot be reached.")]
pub(super) struct Compare {
    #[command(flatten)]
    pub(super) of: Of,

    /// Default: the highest version of the file
    #[arg(long, value_name = "N")]
    pub(super) version: Option<Version>,

    /// Show the first ten keys of rows that differ; keys are data
    #[arg(long)]
    pub(super) show_keys: bool,

    /// One JSON object
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge replay switch --config orders.toml --pipeline orders
  spanbridge replay switch --config orders.toml --pipeline orders --to 1       the way back
  spanbridge replay switch --config orders.toml --pipeline orders --max-behind 500

One commit, after which every reader of the Live views sees the version, of all tables at once. It is refused while the version is
behind the one that is read, in any partition. Both go on being written for as long as workers run them.

Exit codes: 0 switched, or nothing to do; 1 it is behind, or a view does not show it; 2 wrong usage or configuration; 3 Spanner cannot
be reached.")]
pub(super) struct Switch {
    #[command(flatten)]
    pub(super) of: Of,

    /// Default: the highest version of the file
    #[arg(long, value_name = "N")]
    pub(super) to: Option<Version>,

    /// Records that it may be behind, over all partitions
    #[arg(long, value_name = "RECORDS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub(super) max_behind: i64,

    /// How long to look for a moment at which it is not behind
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(super) timeout: Duration,

    /// Switch however far it is behind
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  spanbridge replay drop --config orders.toml --pipeline orders --version 1

Take the version out of the workers' file and restart them first, but keep it in the file that this command reads. It drops the
version's tables and merged views, takes it out of the Live views, and deletes its dead letters, gaps and positions. There is no way
back to it. Can be interrupted at any point, and repeated.

Exit codes: 0 dropped, or not confirmed; 1 it is the one that is read, workers are running it, or the database refused; 2 wrong usage
or configuration; 3 a part cannot be reached.")]
pub(super) struct Drop {
    #[command(flatten)]
    pub(super) of: Of,

    /// The version to take away
    #[arg(long, value_name = "N")]
    pub(super) version: Version,

    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,

    /// REST address of the emulator's gateway; without it, 9020 beside a gRPC port of 9010
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(super) emulator_rest: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "write it as 90s or 2h".to_owned())
}
