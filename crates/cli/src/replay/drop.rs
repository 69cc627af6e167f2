use std::time::Duration;

use spanbridge_ingest::version::{self, DropReport};
use spanbridge_kafka::Admin;

use super::args::DropArgs;
use super::session::Session;
use crate::confirmation::confirm;
use crate::error::Result;

/// The timeout of one request to Kafka.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// Drops a version after confirmation.
pub(super) async fn run(session: &Session, args: &DropArgs) -> Result<()> {
    let versions = session.versions()?;
    let (name, version) = (versions.name(), args.version);
    let tables = version::tables(&versions, version)?.join(", ");
    if !args.yes {
        let question = format!("Drop version {version} of {name} with its tables {tables}?");
        if !confirm(&question, &format!("the tables {tables} would be dropped"))? {
            println!("nothing was dropped");
            return Ok(());
        }
    }
    let admin = session.admin().await?;
    let kafka = Admin::new(&session.kafka()?, KAFKA_TIMEOUT)?;
    let dropped = version::drop(&versions, &admin, &kafka, version).await?;
    let DropReport { statements, dead_letters, partitions } = dropped;
    for statement in statements {
        println!("{statement};");
    }
    println!(
        "version {version} of {name} is dropped: {partitions} positions and {dead_letters} dead letters are deleted"
    );
    Ok(())
}
