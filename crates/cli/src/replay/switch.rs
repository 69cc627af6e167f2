use spanbridge_ingest::version::{self, SwitchCondition, SwitchReport};

use super::args::SwitchArgs;
use super::session::Session;
use crate::error::Result;

/// Makes a version the active one.
pub(super) async fn run(session: &Session, args: &SwitchArgs) -> Result<()> {
    let versions = session.versions()?;
    let to = args.to.unwrap_or(versions.newest());
    let rule = SwitchCondition { max_behind: args.max_behind, wait: args.timeout, force: args.force };
    let SwitchReport { from, to, behind } = version::switch(&versions, to, rule).await?;
    let name = versions.name();
    if from == to {
        println!("{name}: version {to} is already active");
        return Ok(());
    }
    println!("{name}: switched from version {from} to {to}; to switch back, give --to {from}");
    if behind > 0 {
        eprintln!("-- version {to} was {behind} records behind");
    }
    Ok(())
}
