//! The demo from its beginning to its end.

use std::time::Instant;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::check::Check;
use super::drive::{Drive, Outcome};
use super::evidence::Evidence;
use super::figures::{Figures, Flow, Ingest, Publish};
use super::fleet::Fleet;
use super::latency::{self, Latency};
use super::load::Load;
use super::parts::Parts;
use super::plan::Plan;
use super::report::Report;
use super::screen::Screen;
use super::settings::PARTITIONS;
use super::told::{Folder, Told};
use super::watch::Watch;
use super::{Options, checks, database, expected, flights, settings};
use crate::worker::{Service, Setup};
use crate::{Error, Result};

/// Tells it, up to the checks.
pub(super) async fn tell(options: &Options) -> Result<Told> {
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let workers = options.workers as usize;
    let mut screen = Screen::new();
    let flights = flights::all()?;

    screen.say("starting Kafka, the Spanner emulator and the registry (the first time downloads them)");
    let began = Instant::now();
    let parts = Parts::start(options).await?;
    screen.say(&format!("  up after {:.1} s", began.elapsed().as_secs_f64()));

    screen.say("creating the database, migrating it, creating the topic, registering the schema");
    let prepared = database::prepare(&parts.spanner()).await?;
    parts.create_topic().await?;
    let (kafka, registry, names) = (parts.kafka(), parts.registry()?, parts.names.clone());
    let load = Load::new(&kafka, &registry, &names.topic, &names.subject(), seed).await?;

    let folder = Folder::new()?;
    let setup = Setup {
        executable: std::env::current_exe()
            .map_err(|error| Error::io("cannot find the path of this program", &error))?,
        config: settings::write(folder.path(), &parts.addresses, &names, prepared.start)?,
        folder: folder.path().to_owned(),
        environment: Vec::new(),
    };
    screen.say(&format!("starting the services; configuration and logs are in {}", setup.folder.display()));
    let start = |service| Fleet::start(&setup, service, workers);
    let publish = start(Service::Publish)?;
    let mut fleets = [start(Service::Ingest)?, publish];
    for fleet in &mut fleets {
        fleet.ready().await?;
    }

    screen.say(&format!("producing {} flights; seed {seed}", flights.len()));
    let topics = [database::FLIGHTS, database::DELAYS].map(|table| names.published(table));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let outcome = {
        let watch = Watch::start(&prepared.database, &names.ingest, &kafka, &topics)?;
        let drive = Drive {
            flights: &flights,
            prepared: &prepared,
            watch: &watch,
            flights_topic: &topics[0],
            plan: Plan::new(flights.len() as u64, options.kill, &mut random),
            random,
            fleets: &mut fleets,
        };
        drive.run(load, &mut screen).await?
    };
    screen.clear();

    screen.say("ending the services, then checking");
    let [ingest, publish] = fleets;
    let ended = [ingest.stop().await?, publish.stop().await?];
    let Outcome { sent, times, changes, stalled } = outcome;
    let expected = expected::flights(&flights, &sent);
    let evidence = Evidence::collect(prepared, &kafka, &registry, &names, expected).await?;
    let completed = format!("all {} flights ingested, all {changes} changes published", flights.len());
    let list = vec![
        Check::of("completed", completed, stalled.into_iter().collect()),
        checks::flights(&evidence),
        checks::delays(&evidence, &expected::delays(&flights))?,
        checks::positions(&evidence, &names.ingest, &names.topic, PARTITIONS).await?,
        checks::dead_letters(&evidence, &names.ingest).await?,
        checks::folded(&evidence),
        checks::exactly_once(&evidence),
        checks::order(&evidence),
    ];
    let total = flights.len() as u64;
    let published = evidence.changes().count() as u64;
    let [ingest, publish] = &ended;
    let transaction_end = spanbridge_telemetry::metrics::PUBLISH_LATENCY_SECONDS;
    let figures = Figures {
        seed,
        workers_each: workers,
        produced: Flow::new(total, times.produced),
        ingested: Flow::new(total, times.ingested),
        published: Flow::new(published, times.published),
        kafka_to_spanner: latency::kafka_to_spanner(&evidence),
        spanner_to_kafka: latency::spanner_to_kafka(&evidence),
        commit_to_transaction_end: Latency::of_histogram(&publish.metrics, transaction_end),
        ingest: Ingest::of(ingest),
        publish: Publish::of(publish),
    };
    let report = Report::new(list, figures);
    Ok(Told::new(report, parts, setup, folder))
}
