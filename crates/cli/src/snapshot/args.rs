use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::parse_duration;

/// The arguments of `spanbridge snapshot`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge snapshot --config orders.toml --pipeline orders --tables Orders,Customers --wait
  spanbridge snapshot --config orders.toml --pipeline orders                       show the progress
  spanbridge snapshot --config orders.toml --pipeline orders --cancel 1764208000123-1a2b3c4d

The workers of `spanbridge publish` execute the requests one after the other. They read the rows in steps. During each step changes
wait for a few seconds, so that a row comes after all changes that it contains and before all later ones. Each row is published
once, with op r. Interrupting this command does not cancel a request.

Exit codes: 0 requested, executed, or shown; 1 a table could not be read, or the timeout has passed; 2 wrong usage or
configuration, or the tables are not published; 3 Kafka or Spanner cannot be reached.")]
pub(crate) struct SnapshotArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// The [[publish]] pipeline
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: String,

    /// The tables whose rows are to be published again
    #[arg(long, value_name = "TABLE,…", value_delimiter = ',', num_args = 1.., conflicts_with = "cancel")]
    pub(super) tables: Vec<String>,

    /// Cancel this request; rows that are being read are still published
    #[arg(long, value_name = "REQUEST")]
    pub(super) cancel: Option<String>,

    /// Wait until the request is executed; without --tables, until all are
    #[arg(long, conflicts_with = "cancel")]
    pub(super) wait: bool,

    /// Longest wait
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(super) timeout: Option<Duration>,

    /// Print JSON: the open requests, and the current or last one
    #[arg(long)]
    pub(super) json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "expected a duration such as 90s or 2h".to_owned())
}
