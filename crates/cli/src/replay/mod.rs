//! `spanbridge replay`: rebuilds a pipeline's tables as a new version, without an interruption for their readers.
//!
//! Each action calls `spanbridge_ingest::version` and prints the result; the versions, their tables and their positions
//! belong to that crate.

mod args;
mod compare;
mod drop;
mod session;
mod start;
mod status;
mod switch;

use crate::error::Result;
use args::Action;
use session::Session;

pub(crate) use args::ReplayArgs;

/// Runs one action of `spanbridge replay`.
pub(crate) async fn run(args: &ReplayArgs) -> Result<()> {
    match &args.action {
        Action::Start(args) => {
            start::run(&Session::open(&args.pipeline, args.emulator_rest.clone()).await?, args).await
        }
        Action::Status(args) => status::run(&Session::open(&args.pipeline, None).await?, args).await,
        Action::Compare(args) => compare::run(&Session::open(&args.pipeline, None).await?, args).await,
        Action::Switch(args) => switch::run(&Session::open(&args.pipeline, None).await?, args).await,
        Action::Drop(args) => {
            drop::run(&Session::open(&args.pipeline, args.emulator_rest.clone()).await?, args).await
        }
    }
}
