use spanbridge::Result;
use spanbridge_ingest::version::{self, Rule, Switched};

use super::Opened;
use super::args::Switch;
use crate::service::of_ingest;

pub(super) async fn run(opened: &Opened, args: &Switch) -> Result<()> {
    let versions = opened.versions()?;
    let to = args.to.unwrap_or(versions.newest());
    let rule = Rule { most_behind: args.max_behind, wait: args.timeout, force: args.force };
    let Switched { from, to, behind } = version::switch(&versions, to, rule).await.map_err(of_ingest)?;
    let name = versions.name();
    if from == to {
        println!("{name}: version {to} is read");
        return Ok(());
    }
    println!("{name}: version {to} is read, and was {from}; the way back is --to {from}");
    if behind > 0 {
        eprintln!("-- version {to} was {behind} records behind");
    }
    Ok(())
}
