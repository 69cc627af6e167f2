//! The command line's grammar.

use std::net::SocketAddr;
use std::path::PathBuf;

use spanbridge::demo;
use spanbridge_ingest::plan::PrimaryKey;

use crate::check::ddl::Site;
use crate::{letters, replay, snapshot};

/// Exactly-once bridge between Kafka and Cloud Spanner.
#[derive(Debug, clap::Parser)]
#[command(version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "\
Exit codes: 0 success; 1 a check failed or a pipeline stopped; 2 wrong usage or configuration; 3 a prerequisite is missing or a
part cannot be reached.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Create or update the bridge's own tables in the database
    Migrate(Migrate),
    /// Check the file, and what it needs of topics, schemas and tables; print what each pipeline promises
    Check(Check),
    /// Print the DDL that the mappings still need, or run it
    Plan(Plan),
    /// Read Kafka topics and commit rows, aggregates and positions into Spanner
    Ingest(Serve),
    /// Read Spanner change streams and write Kafka records with their positions
    Publish(Serve),
    /// Publish all rows of some tables again while changes go on, or show how far that is
    Snapshot(snapshot::args::Snapshot),
    /// Look at the records that could not be applied, replay them, or delete them
    DeadLetters(letters::args::DeadLetters),
    /// Rebuild a pipeline's tables under a new version beside those that are read, compare, and switch
    Replay(replay::args::Replay),
    /// Start real parts, run both services on real data, and check what came out
    Demo(demo::Options),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge migrate --config flights.toml
  spanbridge migrate --print                      show the DDL, touch nothing
  spanbridge migrate --config flights.toml --emulator-rest 127.0.0.1:9020

Can be repeated, and interrupted at any point. It refuses a database that is newer than this program.

Exit codes: 0 the tables are as this program needs them; 1 the database refused; 2 wrong usage or configuration; 3 Spanner cannot
be reached.")]
pub(crate) struct Migrate {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "print")]
    pub(crate) config: Option<PathBuf>,

    /// Print the DDL of all versions and do nothing
    #[arg(long)]
    pub(crate) print: bool,

    /// REST address of the emulator's gateway; without it, 9020 beside a gRPC port of 9010
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(crate) emulator_rest: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge check --config flights.toml                  the file alone, nothing is asked
  spanbridge check --config flights.toml --live --json
  spanbridge check --config flights.toml --ddl next.sql   what these statements would do to the pipelines, before they are run
  spanbridge check --config flights.toml --ddl next.sql --ddl-in 127.0.0.1:9010 --emulator-rest 127.0.0.1:9020

With --live every registered version of a pipeline's subjects is compared with the live columns, where an expression is a bare path.
With --ddl the statements are run, one after the other, in a database check_<random> with the live schema and without rows, which
is dropped again; that needs spanner.databases.getDdl, .create, .updateDdl and .drop. Each table whose schemas change is asked for at
the registry, and nothing is registered. What would stop a pipeline or go to its dead letters is an error.
Not checked: what CEL expressions give, subjects of topics by pattern, and the data itself. Findings go to standard error, promises to standard output; with --json both to standard output.

Exit codes: 0 nothing found, or warnings; 1 errors were found; 2 wrong usage or configuration; 3 a part cannot be reached.")]
pub(crate) struct Check {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Check this pipeline only; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Vec<String>,

    /// Ask Kafka, Spanner and the registry too
    #[arg(long)]
    pub(crate) live: bool,

    /// Foresee what the statements of this file would do; implies --live
    #[arg(long, value_name = "FILE")]
    pub(crate) ddl: Option<PathBuf>,

    /// Where they are tried, if not beside the live database: projects/<p>/instances/<i>, or an emulator's host:port
    #[arg(long, value_name = "WHERE", requires = "ddl")]
    pub(crate) ddl_in: Option<Site>,

    /// REST address of the emulator's gateway, for --ddl; without it, 9020 beside a gRPC port of 9010
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(crate) emulator_rest: Option<String>,

    /// Print JSON: an array with pipeline, findings, guarantee and subjects; with --ddl, also ddl, findings and statements
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge plan --config flights.toml --key Flights=Carrier,Number
  spanbridge plan --config flights.toml --apply --emulator-rest 127.0.0.1:9020

Plans missing tables and columns, typed by the newest registered schemas; a view <Table>Merged over each aggregate table that is
split by partition; and missing change streams. It never drops or changes what is there. Not planned, but noted: interleaving, and
columns of CEL expressions. Not planned: topics by pattern, CREATE SCHEMA, lengths other than MAX. Only keys are NOT NULL. Notes go
to standard error.

Exit codes: 0 printed or applied; 1 the database refused; 2 wrong usage or configuration, or a type that no schema says; 3 a part
cannot be reached.")]
pub(crate) struct Plan {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Plan this pipeline only; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Vec<String>,

    /// The primary key of a table to create that has one row for each record; may be repeated
    #[arg(long, value_name = "TABLE=COLUMN,…")]
    pub(crate) key: Vec<PrimaryKey>,

    /// Run the statements
    #[arg(long)]
    pub(crate) apply: bool,

    /// REST address of the emulator's gateway; without it, 9020 beside a gRPC port of 9010
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(crate) emulator_rest: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge ingest --config flights.toml
  spanbridge ingest --config flights.toml --pipeline flights --pipeline orders
  spanbridge publish --config flights.toml --listen 127.0.0.1:9465     a second worker on the same machine
  spanbridge publish --config flights.toml --listen none

Any number of workers can share a pipeline. SIGTERM or Ctrl-C ends it with nothing half done; a second one ends it at once, which
is as safe as any crash.

Exit codes: 0 ended as it was told to; 1 a pipeline stopped; 2 wrong usage or configuration, or the bridge's tables are missing;
3 a part cannot be reached.")]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,

    /// Run this pipeline only; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Vec<String>,

    /// Where /livez /readyz /metrics /status answer, instead of the file's telemetry.listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR|none")]
    pub(crate) listen: Option<Listen>,

    /// REST address of the emulator's gateway, for `evolve = "add-columns"`; without it, 9020 beside a gRPC port of 9010
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    pub(crate) emulator_rest: Option<String>,

    /// End at once when standard input ends: for a parent process that must leave no workers behind
    #[arg(long)]
    pub(crate) until_eof: bool,
}

/// Where the admin port listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    Nowhere,
    At(SocketAddr),
}

impl std::str::FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        text.parse().map(Self::At).map_err(|_| "write it as 127.0.0.1:9464, or none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn listen_is_an_address_or_none() {
        let parse =
            |listen| Args::try_parse_from(["spanbridge", "ingest", "--config", "f", "--listen", listen]);
        for (text, listen) in
            [("none", Listen::Nowhere), ("127.0.0.1:0", Listen::At("127.0.0.1:0".parse().unwrap()))]
        {
            let Command::Ingest(serve) = parse(text).unwrap().command else { panic!("not ingest") };
            assert_eq!(serve.listen, Some(listen));
        }
        assert_eq!(parse("9464").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn migrate_needs_a_file_unless_it_prints() {
        assert!(Args::try_parse_from(["spanbridge", "migrate", "--print"]).is_ok());
        assert!(Args::try_parse_from(["spanbridge", "migrate"]).is_err());
    }

    #[test]
    fn the_flag_of_worker_is_a_flag() {
        let args = ["spanbridge", "publish", "--config", "f", spanbridge::worker::UNTIL_EOF];
        let Command::Publish(serve) = Args::try_parse_from(args).unwrap().command else {
            panic!("not publish")
        };
        assert!(serve.until_eof);
    }
}
