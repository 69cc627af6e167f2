use std::time::{Duration, Instant};

use serde_json::json;
use spanbridge::{Error, Kind, Result};
use spanbridge_config::Version;
use spanbridge_ingest::version::{self, Progress};

use super::Opened;
use super::args::Status;
use crate::service::of_ingest;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn run(opened: &Opened, args: &Status) -> Result<()> {
    let versions = opened.versions()?;
    let version = args.version.unwrap_or(versions.newest());
    let offsets = opened.offsets()?;
    let until = args.timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let progress = version::progress(&versions, &offsets, version).await.map_err(of_ingest)?;
        let late = until.is_some_and(|until| Instant::now() >= until);
        if args.wait && progress.behind > 0 && !late {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        match args.json {
            true => println!("{}", document(&progress)),
            false => print(versions.name(), &progress),
        }
        if args.wait && progress.behind > 0 {
            let message = format!("version {version} is still {} records behind", progress.behind);
            return Err(
                Error::new(Kind::Failed, "SB-REPLAY-BEHIND", message).help("are its workers running?")
            );
        }
        return Ok(());
    }
}

fn print(name: &str, progress: &Progress) {
    let Progress { version, beside, .. } = progress;
    let active = progress.state.map_or(Version::FIRST, |state| state.active);
    println!("{name}: version {active} is read");
    if let Some(at) = progress.state.and_then(|state| state.switched_at) {
        println!("since {}", at.to_rfc3339());
    }
    if let Some(dropping) = progress.state.and_then(|state| state.dropping) {
        println!("version {dropping} is being dropped");
    }
    let (other, of) = (format!("version {beside}"), format!("version {version}"));
    println!("{:<32} {of:>12} {other:>12} {:>12} {:>12}", "PARTITION", "END", "LAG");
    let shown = |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
    for partition in &progress.partitions {
        println!(
            "{:<32} {:>12} {:>12} {:>12} {:>12}",
            format!("{}/{}", partition.of.topic, partition.of.number),
            shown(partition.position),
            shown(partition.beside),
            partition.log.end,
            partition.lag()
        );
    }
    println!(
        "{:.1} % of the log from where it began, {} to its end, {} behind version {beside}",
        progress.share() * 100.0,
        progress.lag(),
        progress.behind
    );
}

fn document(progress: &Progress) -> serde_json::Value {
    let number = |version: Option<Version>| version.map(Version::number);
    let partitions: Vec<_> = progress
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "topic": &*partition.of.topic,
                "partition": partition.of.number,
                "first": partition.first,
                "position": partition.position,
                "beside": partition.beside,
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
        "beside": progress.beside.number(),
        "share": progress.share(),
        "lag": progress.lag(),
        "behind": progress.behind,
        "partitions": partitions,
    })
}
