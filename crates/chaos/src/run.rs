//! One run: start, write under faults, recover, stop, read, check, print.

use std::path::Path;
use std::time::{Duration, Instant};

use spanbridge_testbed::child_process::Service;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::fleet::Fleet;
use crate::history::History;
use crate::injector::Injector;
use crate::report::{self, Durations};
use crate::world::World;
use crate::writer::Writers;
use crate::{Result, check, collect, progress};

/// The timeout from the start of the first workers until they are ready.
const READY_TIMEOUT: Duration = Duration::from_secs(180);

/// Runs until the end, Ctrl-C or SIGTERM. Returns true if there are no anomalies. All processes that it started have then
/// ended.
pub(crate) async fn run(args: Args) -> Result<bool> {
    let folder = tempfile::Builder::new().prefix("spanbridge-chaos-").tempdir()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let outcome = tokio::select! {
        outcome = scenario(&args, folder.path()) => outcome,
        _ = tokio::signal::ctrl_c() => return Err("it was interrupted".into()),
        _ = terminate.recv() => return Err("it was terminated".into()),
    };
    if args.keep || !matches!(outcome, Ok(true)) {
        println!("logs and history: {}", folder.keep().display());
    }
    println!("seed: {}", args.seed);
    outcome
}

async fn scenario(args: &Args, folder: &Path) -> Result<bool> {
    let world = World::start(folder, args.executable.clone()).await?;
    let mut fleets = [
        Fleet::start(&world.setup, Service::Ingest, args.workers)?,
        Fleet::start(&world.setup, Service::Publish, args.workers)?,
    ];
    for fleet in &mut fleets {
        fleet.wait_until_ready(READY_TIMEOUT).await?;
    }
    let start = Instant::now();
    let writers = Writers::start(&world, args.seed, args.records, args.transactions)?;
    let mut injector = Injector::new(&world, &mut fleets, args.seed);
    if args.faults.is_empty() {
        injector.run_randomly(args.duration(), || writers.is_writing()).await?;
    } else {
        injector.run_list(&args.faults).await?;
    }
    let faults = injector.counts().clone();
    let (records, transactions) = writers.stop().await?;
    let healed = Instant::now();
    println!("all faults have ended after {:.0} s", start.elapsed().as_secs_f64());
    let (happened, stall) = progress::wait_until_processed(&world, &mut fleets, args.stall_timeout()).await?;
    let durations = Durations { faults: healed - start, recovery: healed.elapsed() };
    for fleet in &mut fleets {
        fleet.stop().await;
    }
    let history = History {
        ingest: collect::ingest(&world, records).await?,
        publish: collect::publish(&world, transactions, happened).await?,
        stalls: stall.into_iter().collect(),
        exits: fleets.iter_mut().flat_map(Fleet::take_exits).collect(),
    };
    world.stop().await?;
    let anomalies = check::check(&history);
    report::write_history(folder, &history, &anomalies)?;
    report::print(&history, &anomalies, &faults, &fleets, durations);
    Ok(anomalies.is_empty())
}
