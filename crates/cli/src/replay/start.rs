use spanbridge_ingest::version::{self, StartPosition, StartReport};

use super::args::StartArgs;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};

/// Starts a version and prints what was created and where it begins.
pub(super) async fn run(session: &Session, args: &StartArgs) -> Result<()> {
    let from = parse_beginning(&args.from)?;
    let versions = session.versions()?;
    let version = args.version.unwrap_or(versions.newest());
    let (admin, offsets) = (session.admin().await?, session.offsets()?);
    let started = version::start(&versions, &admin, &offsets, version, &from, &args.key);
    let StartReport { statements, notes, active, partitions } = started.await?;
    for statement in statements {
        println!("{statement};");
    }
    for note in notes {
        eprintln!("-- {note}");
    }
    for partition in &partitions {
        let at = &partition.partition;
        println!("{}/{} begins at offset {} of {}", at.topic, at.number, partition.at, partition.log.end);
        if partition.at == partition.log.start && partition.log.start > 0 {
            let gone = partition.log.start;
            eprintln!(
                "-- {at}: the log no longer holds its first {gone} offsets; rows that only those records wrote are not rebuilt"
            );
        }
    }
    println!(
        "version {version} of {name} is started; version {active} stays active. Run `spanbridge ingest` with {file}; \
         `spanbridge replay status` shows the progress.",
        name = versions.name(),
        file = args.pipeline.config.display(),
    );
    Ok(())
}

fn parse_beginning(text: &str) -> Result<StartPosition> {
    let invalid =
        |message: String| Error::new(ErrorKind::Config, "SB-CLI-USAGE", format!("--from: {message}"));
    match text.strip_prefix('@') {
        None => text.parse().map_err(invalid),
        Some(file) => {
            let read = std::fs::read_to_string(file);
            read.map_err(|error| invalid(format!("cannot read {file}: {error}")))?.parse().map_err(invalid)
        }
    }
}
