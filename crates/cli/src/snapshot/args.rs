use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::parse_duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge snapshot --config orders.toml --pipeline orders --tables Orders,Customers --wait
  spanbridge snapshot --config orders.toml --pipeline orders                       how far it is
  spanbridge snapshot --config orders.toml --pipeline orders --cancel 1764208000123-1a2b3c4d

The workers of `spanbridge publish` carry requests out, one after the other. Rows are read a part at a time; for each part changes
wait for a few seconds, so that a row stands behind every change that it holds, and in front of every other. Each row is there once,
with op r. Whoever ends this command ends no request.

Exit codes: 0 asked for, carried out, or shown; 1 a table could not be read, or the time-out has passed; 2 wrong usage or configuration,
or the tables are not published; 3 a part cannot be reached.")]
pub(crate) struct Snapshot {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// The [[publish]] pipeline
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: String,

    /// The tables whose rows are to be published again
    #[arg(long, value_name = "TABLE,…", value_delimiter = ',', num_args = 1.., conflicts_with = "cancel")]
    pub(super) tables: Vec<String>,

    /// Take this request back; what is being read of it is still published
    #[arg(long, value_name = "REQUEST")]
    pub(super) cancel: Option<String>,

    /// Wait until the request is carried out; without --tables, until all are
    #[arg(long, conflicts_with = "cancel")]
    pub(super) wait: bool,

    /// How long to wait at the most
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub(super) timeout: Option<Duration>,

    /// Print JSON: open requests, and the one that is being carried out or was last
    #[arg(long)]
    pub(super) json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "write it as 90s or 2h".to_owned())
}
