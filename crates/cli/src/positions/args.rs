use std::path::PathBuf;

/// The arguments of `spanbridge positions`.
#[derive(Debug, clap::Args)]
pub(crate) struct PositionsArgs {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Set the next offset that ingest applies of one partition
    Set(SetArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge positions set --config flights.toml --pipeline flights --topic flights --partition 3 --offset 1200
  spanbridge positions set --config flights.toml --pipeline flights@2 --topic flights --partition 3 --offset 0 --yes

Use it where a partition has stopped because nothing tells where to continue: SB-INGEST-LOG-TRUNCATED, SB-INGEST-LOG-REPLACED or
SB-INGEST-POSITION-MISSING. Records before the offset are not applied; records from it on are applied, also a second time. Workers
read the new position when they start; one that still runs the partition is fenced.

Exit codes: 0 set, or not confirmed; 1 the partition is not registered, the log does not hold the offset, or the database refused;
2 wrong usage or configuration; 3 Kafka or Spanner cannot be reached.")]
pub(super) struct SetArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Name of the pipeline, or name@version for a version other than 1
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: String,

    /// The topic
    #[arg(long, value_name = "NAME")]
    pub(super) topic: String,

    /// The partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub(super) partition: i32,

    /// The offset of the next record to apply
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    pub(super) offset: i64,

    /// Do not ask for confirmation
    #[arg(long)]
    pub(super) yes: bool,
}
