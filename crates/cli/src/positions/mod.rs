//! `spanbridge positions`: sets the position of a partition that has stopped.
//!
//! `spanbridge_ingest::set_position` owns the tables; this module parses the arguments, asks and prints.

mod args;

use spanbridge_config::Config;
use spanbridge_ingest::set_position::{self, SetPosition};
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::Partition;

use crate::error::Result;
use crate::pipeline_selection::PipelineSelection;
use crate::{confirmation, connections};
use args::{Action, SetArgs};

pub(crate) use args::PositionsArgs;

/// Runs one action of `spanbridge positions`.
pub(crate) async fn run(args: &PositionsArgs) -> Result<()> {
    match &args.action {
        Action::Set(args) => set(args).await,
    }
}

async fn set(args: &SetArgs) -> Result<()> {
    let config = Config::load(&args.config)?;
    PipelineSelection::new(&config, std::slice::from_ref(&args.pipeline))?;
    let partition = Partition { topic: args.topic.as_str().into(), number: args.partition };
    let (pipeline, offset) = (&args.pipeline, args.offset);
    if !args.yes {
        let question = format!("Set the position of {partition} in pipeline {pipeline} to {offset}?");
        let consequence = format!("the position of {partition} would be set to {offset}");
        if !confirmation::confirm(&question, &consequence)? {
            println!("nothing was set");
            return Ok(());
        }
    }
    let database = connections::database(&connections::spanner(&config, None)).await?;
    let offsets = Offsets::new(&connections::kafka(&config, "spanbridge-positions")?)?;
    let set = set_position::set(&database, &offsets, pipeline, &partition, offset).await?;
    let SetPosition { from, log } = set;
    let from = from.map_or_else(|| "no position".to_owned(), |from| from.to_string());
    println!(
        "{partition}: {from} -> {offset}; the log holds the offsets from {} up to {}",
        log.start, log.end
    );
    Ok(())
}
