//! `spanbridge snapshot`: requests incremental snapshots, cancels them, and shows their progress.
//!
//! The requests are records that `spanbridge_publish::SnapshotRequests` writes and reads; the workers of `spanbridge publish`
//! execute them. This module only parses, waits and prints.

mod args;
mod view;

use std::time::{Duration, Instant};

use spanbridge_config::{Config, Publish};
use spanbridge_protocol::publish::{IncrementalSnapshot, SnapshotStage};
use spanbridge_publish::{SnapshotRequests, SnapshotStatus};

use crate::connections;
use crate::error::{Error, ErrorKind, Result};

pub(crate) use args::SnapshotArgs;

/// The time between two queries of the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Requests or cancels a snapshot, or shows the progress.
pub(crate) async fn run(args: &SnapshotArgs) -> Result<()> {
    let config = Config::load(&args.config)?;
    let pipeline = find_pipeline(&config, &args.pipeline)?;
    let kafka = connections::kafka(&config, "spanbridge-snapshot")?;
    let requests = SnapshotRequests::new(pipeline, &kafka);
    if let Some(id) = &args.cancel {
        requests.cancel(id).await?;
        println!("request {id}: cancelled");
        return Ok(());
    }
    let mut requested = None;
    if !args.tables.is_empty() {
        let database = connections::database(&connections::spanner(&config, None)).await?;
        let id = requests.submit(&database, &args.tables).await?;
        if !args.json {
            println!("request {id}: the workers of `spanbridge publish` will execute it");
        }
        requested = Some(id);
    }
    let status = match args.wait {
        true => wait_until_done(&requests, requested.as_deref(), args.timeout).await?,
        false => requests.status().await?,
    };
    match args.json {
        true => println!("{}", view::document(requested.as_deref(), &status)),
        false if requested.is_none() || args.wait => print!("{}", view::text(&status)),
        false => {}
    }
    if args.wait { check_complete(requested.as_deref(), &status) } else { Ok(()) }
}

fn find_pipeline<'c>(config: &'c Config, name: &str) -> Result<&'c Publish> {
    config.publish.iter().find(|publish| *publish.name == *name).ok_or_else(|| {
        let names: Vec<&str> = config.publish.iter().map(|publish| &*publish.name).collect();
        let message = format!("{} has no [[publish]] pipeline `{name}`", config.name());
        let help = format!("the file has: {}", names.join(", "));
        Error::new(ErrorKind::Config, "SB-CLI-NO-PIPELINE", message).with_help(help)
    })
}

/// Waits until the request, or without one every request, is executed.
async fn wait_until_done(
    requests: &SnapshotRequests<'_>,
    requested: Option<&str>,
    timeout: Option<Duration>,
) -> Result<SnapshotStatus> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let status = requests.status().await?;
        let is_open = match requested {
            Some(id) => status.open.contains_key(id),
            None => !status.open.is_empty(),
        };
        // The rows of a cancelled request may still be on their way.
        let is_running = |last: &IncrementalSnapshot| last.stage != SnapshotStage::Done;
        if !is_open && !status.last.as_ref().is_some_and(is_running) {
            return Ok(status);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let message = format!("the snapshot is not done after {:?}", timeout.unwrap_or_default());
            let help = "the request stays open: check that the pipeline's workers are running, and look again without \
                        --tables";
            return Err(Error::new(ErrorKind::Failed, "SB-SNAPSHOT-OPEN", message).with_help(help));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Returns an error when the snapshot was cancelled or does not have all requested rows.
fn check_complete(requested: Option<&str>, status: &SnapshotStatus) -> Result<()> {
    let last = status.last.as_ref().filter(|last| requested.is_none_or(|id| *last.request == *id));
    let Some(last) = last else { return Ok(()) };
    let refused: Vec<&str> = last
        .table_progress
        .iter()
        .filter(|(_, progress)| progress.error.is_some())
        .map(|(table, _)| &**table)
        .collect();
    if refused.is_empty() && !last.cancelled {
        return Ok(());
    }
    let message = match last.cancelled {
        true => format!("request {} was cancelled before all rows were read", last.request),
        false => format!("some rows could not be read: tables {}", refused.join(", ")),
    };
    let help = "the published rows are correct; request the remaining tables again";
    Err(Error::new(ErrorKind::Failed, "SB-SNAPSHOT-PARTIAL", message).with_help(help))
}
