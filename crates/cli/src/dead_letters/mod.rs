//! `spanbridge dead-letters`: lists, shows, replays and deletes the records that ingest could not apply.
//!
//! `spanbridge_ingest::dead_letters` owns the tables; this module parses the arguments and prints. It reads in pages, so
//! its memory does not grow with the table. Keys and values of records go only to the output of `show`.

mod args;
mod filter;
mod list;
mod output;
mod payload;
mod purge;
mod replay;
mod session;
mod show;
mod terminal_text;

use std::io;

use crate::error::Result;
use args::Action;
use session::Session;

pub(crate) use args::DeadLettersArgs;

/// Runs one action of `spanbridge dead-letters`.
pub(crate) async fn run(args: &DeadLettersArgs) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout());
    match &args.action {
        Action::List(args) => {
            let (session, filter) = Session::select(&args.selection).await?;
            list::run(&session.database, &filter, session.now, args, &mut out).await
        }
        Action::Show(args) => show::run(&Session::open(&args.config).await?, args, &mut out).await,
        Action::Replay(args) => {
            let (session, filter) = Session::select(&args.selection).await?;
            replay::run(&session.database, &filter, &mut out).await
        }
        Action::Purge(args) => {
            let (session, filter) = Session::select(&args.selection).await?;
            purge::run(&session.database, &filter, args.yes, &mut out).await
        }
    }
}
