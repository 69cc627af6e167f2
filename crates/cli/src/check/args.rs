use std::path::PathBuf;

use spanbridge_spanner::TemporaryDatabaseTarget;

/// The arguments of `spanbridge check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge check --config flights.toml                  check the file alone, connect to nothing
  spanbridge check --config flights.toml --live --json
  spanbridge check --config flights.toml --ddl next.sql   preview how these statements would affect the pipelines
  spanbridge check --config flights.toml --ddl next.sql --ddl-in 127.0.0.1:9010 --emulator-rest 127.0.0.1:9020

With --live, every registered schema version of a pipeline's subjects is compared with the live columns, where an expression is a
bare path. Kafka is asked for transactions, compaction and access: the check fetches from the ends of topics and initializes the
transactional id <pipeline>-check. It writes no message and joins no group.
With --ddl, the statements run one after the other in a temporary database check_<random>, which has the live schema and no rows,
and is dropped at the end. This needs the permissions spanner.databases.getDdl, .create, .updateDdl and .drop. The
registry is asked whether it would accept each changed schema; nothing is registered. An error means that the statement would stop
a pipeline, or send its changes to the dead letters.
Not checked: the results of CEL expressions, the subjects of topics by pattern, and data. Findings go to standard error and
guarantees to standard output; with --json, both go to standard output.

Exit codes: 0 no findings, or only warnings and notes; 1 errors were found; 2 wrong usage or configuration; 3 Kafka, Spanner or
the registry cannot be reached.")]
pub(crate) struct CheckArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Check only this pipeline; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Vec<String>,

    /// Also check against Kafka, Spanner and the registry
    #[arg(long)]
    pub(super) live: bool,

    /// Report how the DDL statements in this file would affect the pipelines; implies --live
    #[arg(long, value_name = "FILE")]
    pub(super) ddl: Option<PathBuf>,

    /// Run them in projects/<p>/instances/<i>, or on the emulator at host:port, instead of the live instance
    #[arg(long, value_name = "WHERE", requires = "ddl")]
    pub(super) ddl_in: Option<TemporaryDatabaseTarget>,

    /// REST address of the emulator's gateway, for --ddl; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(super) emulator_rest: Option<String>,

    /// Print a JSON array with pipeline, findings, guarantee and subjects; with --ddl, also ddl, findings and statements
    #[arg(long)]
    pub(super) json: bool,
}
