//! `spanbridge snapshot`: rows that are published again while changes go on.

pub(crate) mod args;
mod shown;

use std::time::{Duration, Instant};

use spanbridge::{Error, Kind, Result, connections};
use spanbridge_config::{Config, Publish};
use spanbridge_protocol::publish::SnapshotStage;
use spanbridge_publish::{SnapshotRequests, SnapshotStatus};

use crate::service::of_publish;
use args::Snapshot;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: &Snapshot) -> Result<()> {
    let config = Config::load(&args.config)?;
    let pipeline = pipeline(&config, &args.pipeline)?;
    let kafka = connections::kafka(&config, "spanbridge-snapshot")?;
    let requests = SnapshotRequests::new(pipeline, &kafka);
    if let Some(id) = &args.cancel {
        requests.cancel(id).await.map_err(of_publish)?;
        println!("request {id} taken back");
        return Ok(());
    }
    let mut asked = None;
    if !args.tables.is_empty() {
        let database = connections::database(&connections::spanner(&config, None)).await?;
        let id = requests.submit(&database, &args.tables).await.map_err(of_publish)?;
        if !args.json {
            println!("request {id}: to be carried out by the workers of `spanbridge publish`");
        }
        asked = Some(id);
    }
    let standing = match args.wait {
        true => carried_out(&requests, asked.as_deref(), args.timeout).await?,
        false => requests.status().await.map_err(of_publish)?,
    };
    match args.json {
        true => println!("{}", shown::document(asked.as_deref(), &standing)),
        false if asked.is_none() || args.wait => print!("{}", shown::text(&standing)),
        false => {}
    }
    if args.wait { outcome(asked.as_deref(), &standing) } else { Ok(()) }
}

fn pipeline<'c>(config: &'c Config, name: &str) -> Result<&'c Publish> {
    config.publish.iter().find(|publish| *publish.name == *name).ok_or_else(|| {
        let names: Vec<&str> = config.publish.iter().map(|publish| &*publish.name).collect();
        let message = format!("{} has no [[publish]] pipeline `{name}`", config.name());
        Error::new(Kind::Config, "no-pipeline", message).help(format!("it has: {}", names.join(", ")))
    })
}

/// How requests stand when that one, or all are carried out.
async fn carried_out(
    requests: &SnapshotRequests<'_>,
    asked: Option<&str>,
    limit: Option<Duration>,
) -> Result<SnapshotStatus> {
    let until = limit.map(|limit| Instant::now() + limit);
    loop {
        let standing = requests.status().await.map_err(of_publish)?;
        let is_open = match asked {
            Some(id) => standing.open.contains_key(id),
            None => !standing.open.is_empty(),
        };
        // What is taken back may still be on its way.
        let is_read =
            |last: &spanbridge_protocol::publish::IncrementalSnapshot| last.stage != SnapshotStage::Done;
        if !is_open && !standing.last.as_ref().is_some_and(is_read) {
            return Ok(standing);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            let message = format!("rows are still being read again after {:?}", limit.unwrap_or_default());
            return Err(Error::new(Kind::Failed, "SB-SNAPSHOT-OPEN", message).help(
                "the request stands: look again without --tables; are the pipeline's workers running?",
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether all that was asked for is there.
fn outcome(asked: Option<&str>, standing: &SnapshotStatus) -> Result<()> {
    let last = standing.last.as_ref().filter(|last| asked.is_none_or(|id| *last.request == *id));
    let Some(last) = last else { return Ok(()) };
    let refused: Vec<&str> = last
        .table_progress
        .iter()
        .filter(|(_, told)| told.error.is_some())
        .map(|(table, _)| &**table)
        .collect();
    if refused.is_empty() && !last.cancelled {
        return Ok(());
    }
    let message = match last.cancelled {
        true => format!("request {} was taken back before all rows were read", last.request),
        false => format!("not all rows could be read: tables {}", refused.join(", ")),
    };
    Err(Error::new(Kind::Failed, "SB-SNAPSHOT-PARTIAL", message)
        .help("what is published is right; ask again for the rest"))
}
