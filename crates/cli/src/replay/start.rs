use spanbridge::{Error, Kind, Result};
use spanbridge_ingest::version::{self, Beginning, Started};

use super::Opened;
use super::args::Start;
use crate::service::of_ingest;

pub(super) async fn run(opened: &Opened, args: &Start) -> Result<()> {
    let from = beginning(&args.from)?;
    let versions = opened.versions()?;
    let version = args.version.unwrap_or(versions.newest());
    let (admin, offsets) = (opened.admin().await?, opened.offsets()?);
    let started = version::start(&versions, &admin, &offsets, version, &from, &args.key);
    let Started { statements, notes, active, began } = started.await.map_err(of_ingest)?;
    for statement in statements {
        println!("{statement};");
    }
    for note in notes {
        eprintln!("-- {note}");
    }
    for partition in &began {
        let at = &partition.partition;
        println!("{}/{} begins at offset {} of {}", at.topic, at.number, partition.at, partition.log.end);
        if partition.at == partition.log.start && partition.log.start > 0 {
            let gone = partition.log.start;
            eprintln!(
                "-- {at}: the log has lost its first {gone} offsets; rows that only they made are not rebuilt"
            );
        }
    }
    println!(
        "version {version} of {name} is started, and version {active} is read. Run `spanbridge ingest` with {file}; \
         `spanbridge replay status` shows how far it is.",
        name = versions.name(),
        file = args.of.config.display(),
    );
    Ok(())
}

fn beginning(text: &str) -> Result<Beginning> {
    let wrong = |message: String| Error::new(Kind::Config, "usage", format!("--from: {message}"));
    match text.strip_prefix('@') {
        None => text.parse().map_err(wrong),
        Some(file) => {
            let read = std::fs::read_to_string(file);
            read.map_err(|error| wrong(format!("cannot read {file}: {error}")))?.parse().map_err(wrong)
        }
    }
}
