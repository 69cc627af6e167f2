use spanbridge::{Result, connections};
use spanbridge_ingest::version::{self, Dropped};
use spanbridge_kafka::Admin;

use super::Opened;
use super::args::Drop;
use crate::confirm::confirmed;
use crate::service::of_ingest;

/// Of one question to Kafka.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) async fn run(opened: &Opened, args: &Drop) -> Result<()> {
    let versions = opened.versions()?;
    let (name, version) = (versions.name(), args.version);
    let tables = version::tables(&versions, version).map_err(of_ingest)?.join(", ");
    if !args.yes {
        let question = format!("Drop version {version} of {name} with its tables {tables}?");
        if !confirmed(&question, &format!("the tables {tables} would be dropped"))? {
            println!("nothing is dropped");
            return Ok(());
        }
    }
    let admin = opened.admin().await?;
    let kafka = Admin::new(&connections::kafka(&opened.config, "spanbridge-replay")?, LIMIT)?;
    let dropped = version::drop(&versions, &admin, &kafka, version).await.map_err(of_ingest)?;
    let Dropped { statements, letters, partitions } = dropped;
    for statement in statements {
        println!("{statement};");
    }
    println!(
        "version {version} of {name} is dropped: {partitions} positions and {letters} dead letters are deleted"
    );
    Ok(())
}
