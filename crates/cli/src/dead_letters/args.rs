use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::parse_duration;
use spanbridge_ingest::dead_letters::DeadLetterAddress;
use spanbridge_protocol::value::Timestamp;

#[derive(Debug, clap::Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// Show which records could not be applied, and how many for each reason
    List(List),
    /// Show one of them with its headers, key and value
    Show(Show),
    /// Have them go through the mapping again
    Replay(Replay),
    /// Delete them
    Purge(Purge),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters list --config flights.toml
  spanbridge dead-letters list --config flights.toml --code SB-INGEST-DECODE --since 2h
  spanbridge dead-letters list --config flights.toml --json | jq -r .code

It reads keys, codes and messages, never keys or values of records. With --json each line is one dead letter.

Exit codes: 0 listed, also when there are none; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are
missing; 3 Spanner cannot be reached.")]
pub(super) struct List {
    #[command(flatten)]
    pub(super) which: Which,

    /// Show so many at most; the totals are of all. Default: 100, with --json all
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,

    /// One JSON object a line, without totals
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters show --config flights.toml flights/flights/3/1234
  spanbridge dead-letters show --config flights.toml flights/flights/3/1234 --raw-value value.bin

Key and value are decoded as the file's pipeline decodes them, when it has that pipeline and the registry answers; otherwise they
are shown as escaped text, or in hexadecimal.

Exit codes: 0 shown; 1 there is no such dead letter, or the database refused; 2 wrong usage or configuration, or the bridge's
tables are missing; 3 Spanner cannot be reached.")]
pub(super) struct Show {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Where the record stands, as `list` shows it
    #[arg(value_name = "PIPELINE/TOPIC/PARTITION/OFFSET")]
    pub(super) address: DeadLetterAddress,

    /// Write the value's bytes into this file as well
    #[arg(long, value_name = "FILE")]
    pub(super) raw_value: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters replay --config flights.toml --code SB-INGEST-PATH
  spanbridge dead-letters replay --config flights.toml --topic flights --partition 3 --since 2h

Mend the cause first. The running `spanbridge ingest` takes them up within seconds, with its mapping: a record that is applied is
deleted here in the same commit, one that fails again stays with its new reason. It is applied after records that came later, so
an upsert without `version` may put an older row over a newer one.

Exit codes: 0 asked for; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are missing; 3 Spanner
cannot be reached.")]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) which: Which,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge dead-letters purge --config flights.toml --until 30d
  spanbridge dead-letters purge --config flights.toml --pipeline flights --code SB-INGEST-FRAME --yes

Says how many it would delete and asks, unless told --yes. What arrives while it runs stays. Can be interrupted at any point, and
repeated.

Exit codes: 0 deleted, or not confirmed; 1 the database refused; 2 wrong usage or configuration, or the bridge's tables are
missing; 3 Spanner cannot be reached.")]
pub(super) struct Purge {
    #[command(flatten)]
    pub(super) which: Which,

    /// Do not ask
    #[arg(long)]
    pub(super) yes: bool,
}

/// Which dead letters; all conditions must hold.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,

    /// Of this pipeline, which the file need not have; may be repeated. Default: the file's
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Vec<String>,

    /// Of this topic
    #[arg(long, value_name = "NAME")]
    pub(super) topic: Option<String>,

    /// Of this partition
    #[arg(long, value_name = "N")]
    pub(super) partition: Option<u32>,

    /// For this reason
    #[arg(long, value_name = "CODE")]
    pub(super) code: Option<String>,

    /// Since then: 2026-11-24T10:00:00Z, or an age such as 90m or 2d
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<When>,

    /// Until then, inclusive; written as --since
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<When>,
}

/// A time as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    At(Timestamp),
    Ago(Duration),
}

impl When {
    /// The time; one that is before all time is the earliest.
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

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        let age = parse_duration(text);
        age.map(Self::Ago).map_err(|_| "write it as 2026-11-24T10:00:00Z, or as an age: 90m, 2d".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_ages() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (text, time) in [
            ("2026-11-24T10:00:00+02:00", "2026-11-24T08:00:00Z"),
            ("90m", "2026-11-24T08:30:00Z"),
            ("2d", "2026-11-22T10:00:00Z"),
        ] {
            assert_eq!(
                text.parse::<When>().unwrap().resolve(now),
                time.parse::<Timestamp>().unwrap(),
                "{text}"
            );
        }
        let ages = "1000000d".parse::<When>().unwrap().resolve(now);
        assert!(ages < now);
        for wrong in ["", "yesterday", "2026-11-24"] {
            assert!(wrong.parse::<When>().is_err(), "{wrong}");
        }
    }
}
