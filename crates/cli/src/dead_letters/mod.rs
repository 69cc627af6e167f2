//! `spanbridge dead-letters`: the records that ingest could not apply.
//!
//! Reads go in pages, so that memory does not grow with the table. Keys and values of records are what the
//! operator asks `show` for; they go to its output and nowhere else.

pub(crate) mod args;
mod filter;
mod list;
mod payload;
mod purge;
mod replay;
mod show;
mod text;

use std::io::{self, Write};
use std::path::Path;

use spanbridge_config::Config;
use spanbridge_ingest::dead_letters::DeadLetterFilter;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::Database;

use crate::connections;
use crate::error::{Error, ErrorKind, Result};
use args::{Action, DeadLetters, Which};
use filter::filter;

pub(crate) async fn run(args: &DeadLetters) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout());
    match &args.action {
        Action::List(args) => {
            let (opened, filter) = select(&args.which).await?;
            list::run(&opened.database, &filter, opened.now, args, &mut out).await
        }
        Action::Show(args) => show::run(&open(&args.config).await?, args, &mut out).await,
        Action::Replay(args) => {
            let (opened, filter) = select(&args.which).await?;
            replay::run(&opened.database, &filter, &mut out).await
        }
        Action::Purge(args) => {
            let (opened, filter) = select(&args.which).await?;
            purge::run(&opened.database, &filter, args.yes, &mut out).await
        }
    }
}

/// What every action needs.
struct Opened {
    config: Config,
    database: Database,
    /// Spanner's clock at the start.
    now: Timestamp,
}

async fn open(file: &Path) -> Result<Opened> {
    let config = Config::load(file)?;
    let database = connections::database(&connections::spanner(&config, None)).await?;
    let now = database.now().await?;
    Ok(Opened { config, database, now })
}

async fn select(which: &Which) -> Result<(Opened, DeadLetterFilter)> {
    let opened = open(&which.config).await?;
    if which.pipeline.is_empty() && opened.config.ingest.is_empty() {
        let message = format!("{} has no [[ingest]] pipeline", which.config.display());
        return Err(Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message)
            .with_help("name one with --pipeline"));
    }
    let filter = filter(which, &opened.config, opened.now);
    Ok((opened, filter))
}

/// Writes to the command's output. A reader that has seen enough, such as `head`, ends it well.
fn print(out: &mut impl Write, text: std::fmt::Arguments<'_>) -> Result<()> {
    written(out.write_fmt(text))
}

fn written(outcome: io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            Err(Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot write the output: {error}")))
        }
        Ok(()) => Ok(()),
    }
}
