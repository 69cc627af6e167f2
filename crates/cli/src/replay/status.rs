use std::time::{Duration, Instant};

use serde_json::json;
use spanbridge_config::Version;
use spanbridge_ingest::version::{self, VersionProgress};

use super::args::StatusArgs;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};

/// The time between two queries of the progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Prints the progress of a version, after the wait if `--wait` is given.
pub(super) async fn run(session: &Session, args: &StatusArgs) -> Result<()> {
    let versions = session.versions()?;
    let version = args.version.unwrap_or(versions.newest());
    let offsets = session.offsets()?;
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let progress = version::progress(&versions, &offsets, version).await?;
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if args.wait && progress.behind > 0 && !is_late {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        }
        match args.json {
            true => println!("{}", document(&progress)),
            false => print(versions.name(), &progress),
        }
        if args.wait && progress.behind > 0 {
            let message = format!("version {version} is still {} records behind", progress.behind);
            let help = "check that its workers are running, and wait again";
            return Err(Error::new(ErrorKind::Failed, "SB-REPLAY-BEHIND", message).with_help(help));
        }
        return Ok(());
    }
}

fn print(name: &str, progress: &VersionProgress) {
    let VersionProgress { version, reference, .. } = progress;
    let active = progress.state.map_or(Version::FIRST, |state| state.active);
    println!("{name}: version {active} is active");
    if let Some(at) = progress.state.and_then(|state| state.switched_at) {
        println!("since {}", at.to_rfc3339());
    }
    if let Some(dropping) = progress.state.and_then(|state| state.dropping) {
        println!("version {dropping} is being dropped");
    }
    let (other, one) = (format!("version {reference}"), format!("version {version}"));
    println!("{:<32} {one:>12} {other:>12} {:>12} {:>12}", "PARTITION", "END", "LAG");
    let format_offset = |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
    for partition in &progress.partitions {
        println!(
            "{:<32} {:>12} {:>12} {:>12} {:>12}",
            format!("{}/{}", partition.partition.topic, partition.partition.number),
            format_offset(partition.position),
            format_offset(partition.reference),
            partition.log.end,
            partition.lag()
        );
    }
    println!(
        "{:.1} % of the log since its start, {} records to the end, {} records behind version {reference}",
        progress.share() * 100.0,
        progress.lag(),
        progress.behind
    );
}

fn document(progress: &VersionProgress) -> serde_json::Value {
    let number = |version: Option<Version>| version.map(Version::number);
    let partitions: Vec<_> = progress
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "topic": &*partition.partition.topic,
                "partition": partition.partition.number,
                "first": partition.first,
                "position": partition.position,
                "beside": partition.reference,
                "log_start": partition.log.start,
                "log_end": partition.log.end,
                "lag": partition.lag(),
            })
        })
        .collect();
    json!({
        "version": progress.version.number(),
        "active": progress.state.map_or(Version::FIRST, |state| state.active).number(),
        "previous": number(progress.state.and_then(|state| state.previous)),
        "dropping": number(progress.state.and_then(|state| state.dropping)),
        "switched_at": progress.state.and_then(|state| state.switched_at).map(|at| at.to_rfc3339()),
        "beside": progress.reference.number(),
        "share": progress.share(),
        "lag": progress.lag(),
        "behind": progress.behind,
        "partitions": partitions,
    })
}
