//! `spanbridge migrate`: creates or updates the bridge's own tables.

use std::path::PathBuf;

use spanbridge_config::Config;
use spanbridge_spanner::migrate;

use crate::connections;
use crate::error::{Error, ErrorKind, Result};

/// The arguments of `spanbridge migrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  spanbridge migrate --config flights.toml
  spanbridge migrate --print                      print the DDL, change nothing
  spanbridge migrate --config flights.toml --emulator-rest 127.0.0.1:9020

The command can be repeated, and interrupted at any point. It refuses a database that is newer than this program.

Exit codes: 0 the tables are up to date; 1 the database refused; 2 wrong usage or configuration; 3 Spanner cannot be reached.")]
pub(crate) struct MigrateArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "print")]
    config: Option<PathBuf>,

    /// Print the DDL of all versions and do nothing
    #[arg(long)]
    print: bool,

    /// REST address of the emulator's gateway; default for gRPC port 9010: port 9020
    #[arg(long, value_name = "ADDR", env = "SPANNER_EMULATOR_REST")]
    emulator_rest: Option<String>,
}

/// Migrates the database, or prints the DDL.
pub(crate) async fn run(args: &MigrateArgs) -> Result<()> {
    if args.print {
        print!("{}", migrate::print());
        return Ok(());
    }
    let Some(file) = &args.config else {
        return Err(Error::new(ErrorKind::Config, "SB-CLI-USAGE", "--config is missing"));
    };
    let config = Config::load(file)?;
    let options = connections::spanner(&config, args.emulator_rest.clone());
    let admin = connections::admin(&options).await?;
    let database = connections::database(&options).await?;
    let report = migrate::migrate(&admin, &database).await?;
    if report.from == report.to {
        println!("{} is already at version {}", options.database, report.to);
    } else {
        let statements = report.applied.len();
        println!(
            "{}: migrated from version {} to {} with {statements} statements",
            options.database, report.from, report.to
        );
    }
    Ok(())
}
