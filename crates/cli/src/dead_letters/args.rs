use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::parse_duration;
use spanbridge_ingest::dead_letters::DeadLetterAddress;
use spanbridge_protocol::value::Timestamp;

/// The arguments of `spanbridge dead-letters`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// List the records that could not be applied, with totals per reason
    List(ListArgs),
    /// Show one dead letter with its headers, key and value
    Show(ShowArgs),
    /// Request that ingest applies dead letters again
    Replay(ReplayArgs),
    /// Delete dead letters
    Purge(PurgeArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters list --config flights.toml
  spanbridge dead-letters list --config flights.toml --code SB-INGEST-DECODE --since 2h
  spanbridge dead-letters list --config flights.toml --json | jq -r .code

The command prints addresses, codes and messages, never keys or values of records. With --json each line is one dead letter.

Exit codes: 0 listed, even if there are no dead letters; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are
missing; 3 Spanner cannot be reached.")]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// Largest number of rows; the totals include all dead letters; default: 100, with --json unlimited
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,

    /// Print one JSON object per line, without totals
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters show --config flights.toml flights/flights/3/1234
  spanbridge dead-letters show --config flights.toml flights/flights/3/1234 --raw-value value.bin

Key and value are decoded like the pipeline in the file decodes them. Without that pipeline, or when the registry does not answer,
they are shown as escaped text or in hexadecimal.

Exit codes: 0 shown; 1 there is no such dead letter, or the database refused; 2 wrong usage or configuration, or the bridge's
tables are missing; 3 Spanner cannot be reached.")]
pub(super) struct ShowArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Address of the dead letter, as `list` prints it
    #[arg(value_name = "PIPELINE/TOPIC/PARTITION/OFFSET")]
    pub(super) address: DeadLetterAddress,

    /// Also write the bytes of the value to this file
    #[arg(long, value_name = "FILE")]
    pub(super) raw_value: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters replay --config flights.toml --code SB-INGEST-PATH
  spanbridge dead-letters replay --config flights.toml --topic flights --partition 3 --since 2h

First fix the cause. A running `spanbridge ingest` then applies the records within seconds, with its mapping. The commit that
applies a record deletes its dead letter; a record that fails again stays with its new reason. Records are applied after later
records, so an upsert without `version` may replace a newer row by an older one.

Exit codes: 0 requested; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are missing; 3 Spanner
cannot be reached.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters purge --config flights.toml --until 30d
  spanbridge dead-letters purge --config flights.toml --pipeline flights --code SB-INGEST-FRAME --yes

Without --yes the command prints how many dead letters it would delete, and asks. Dead letters that arrive meanwhile stay. The
command can be interrupted at any point, and repeated.

Exit codes: 0 deleted, or not confirmed; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are
missing; 3 Spanner cannot be reached.")]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,

    /// Do not ask for confirmation
    #[arg(long)]
    pub(super) yes: bool,
}

/// The arguments that select dead letters. All conditions must hold.
#[derive(Debug, clap::Args)]
pub(super) struct SelectionArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Select this pipeline, even if the file does not have it; may be repeated; default: all pipelines in the file
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Vec<String>,

    /// Select this topic
    #[arg(long, value_name = "NAME")]
    pub(super) topic: Option<String>,

    /// Select this partition
    #[arg(long, value_name = "N")]
    pub(super) partition: Option<u32>,

    /// Select this error code
    #[arg(long, value_name = "CODE")]
    pub(super) code: Option<String>,

    /// Select failures since this time: 2026-11-24T10:00:00Z, or an age such as 90m or 2d
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<TimeArg>,

    /// Select failures until this time, inclusive; in the form of --since
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<TimeArg>,
}

/// A time on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeArg {
    /// A timestamp.
    At(Timestamp),
    /// An age before the current timestamp.
    Ago(Duration),
}

impl TimeArg {
    /// Returns the timestamp. An age beyond the range of timestamps gives the earliest timestamp.
    pub(super) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(age) => now.checked_sub_signed(signed(age)).unwrap_or(Timestamp::MIN_UTC),
        }
    }
}

fn signed(age: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(age).unwrap_or(chrono::TimeDelta::MAX)
}

impl std::str::FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        let age = parse_duration(text);
        age.map(Self::Ago).map_err(|_| {
            "expected a time such as 2026-11-24T10:00:00Z, or an age such as 90m or 2d".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_a_timestamp_or_an_age() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (text, time) in [
            ("2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00Z"),
            ("90m", "2026-11-24T08:30:00Z"),
            ("2d", "2026-11-22T10:00:00Z"),
        ] {
            assert_eq!(
                text.parse::<TimeArg>().unwrap().resolve(now),
                time.parse::<Timestamp>().unwrap(),
                "{text}"
            );
        }
        let earliest = "1000000d".parse::<TimeArg>().unwrap().resolve(now);
        assert!(earliest < now);
        for invalid in ["", "yesterday", "2026-11-24"] {
            assert!(invalid.parse::<TimeArg>().is_err(), "{invalid}");
        }
    }
}
