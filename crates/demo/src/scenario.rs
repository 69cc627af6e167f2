//! The steps of a run, from starting Kafka, Spanner and the registry to the report.

use std::time::Instant;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use spanbridge_telemetry::metrics::PUBLISH_LATENCY_SECONDS;
use spanbridge_testbed::child_process::{Service, WorkerSetup};

use super::check::Check;
use super::configuration::PARTITIONS;
use super::driver::{DriveResult, Driver};
use super::environment::Environment;
use super::evidence::Evidence;
use super::figures::{Figures, IngestFigures, PublishFigures, Throughput};
use super::fleet::Fleet;
use super::flight_producer::FlightProducer;
use super::kill_plan::KillPlan;
use super::latency::{self, Latency};
use super::outcome::{Folder, Outcome};
use super::progress_monitor::ProgressMonitor;
use super::report::Report;
use super::resource_names::{DELAYS_TABLE, FLIGHTS_TABLE};
use super::screen::Screen;
use super::{checks, configuration, database, expected_rows, flights};
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;

/// Runs the scenario up to the report. The environment keeps running.
pub(super) async fn run(options: &Options) -> Result<Outcome> {
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let workers = options.workers as usize;
    let mut screen = Screen::new();
    let flights = flights::read_all()?;

    screen.print("starting Kafka, the Spanner emulator and the registry (the first run downloads them)");
    let started_at = Instant::now();
    let environment = Environment::start(options).await?;
    screen.print(&format!("  ready after {:.1} s", started_at.elapsed().as_secs_f64()));

    screen.print("creating and migrating the database, creating the topic, registering the schema");
    let prepared = database::prepare(&environment.spanner()).await?;
    environment.create_topic().await?;
    let (kafka, registry, names) = (environment.kafka(), environment.registry()?, environment.names.clone());
    let producer = FlightProducer::new(&kafka, &registry, &names.topic, &names.subject(), seed).await?;

    let folder = Folder::new()?;
    let executable = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::Io, format!("cannot determine the path of this program: {error}"))
    })?;
    let setup = WorkerSetup {
        executable,
        config: configuration::write(folder.path(), &environment.addresses, &names, prepared.start)?,
        folder: folder.path().to_owned(),
        environment: Vec::new(),
    };
    screen.print(&format!(
        "starting the services; their configuration and logs are in {}",
        setup.folder.display()
    ));
    let start = |service| Fleet::start(&setup, service, workers);
    let publish = start(Service::Publish)?;
    let mut fleets = [start(Service::Ingest)?, publish];
    for fleet in &mut fleets {
        fleet.wait_until_ready().await?;
    }

    screen.print(&format!("producing {} flights; seed {seed}", flights.len()));
    let topics = [FLIGHTS_TABLE, DELAYS_TABLE].map(|table| names.published_topic(table));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let result = {
        let monitor = ProgressMonitor::start(&prepared.database, &names.ingest, &kafka, &topics)?;
        let driver = Driver {
            flights: &flights,
            prepared: &prepared,
            monitor: &monitor,
            flights_topic: &topics[0],
            kill_plan: KillPlan::new(flights.len() as u64, options.kill, &mut random),
            random,
            fleets: &mut fleets,
        };
        driver.run(producer, &mut screen).await?
    };
    screen.clear();

    screen.print("stopping the services, then checking");
    let [ingest, publish] = fleets;
    let (ingest, publish) = (ingest.stop().await?, publish.stop().await?);
    let DriveResult { send_times, stage_times, changes, stall } = result;
    let expected = expected_rows::flights(&flights, &send_times);
    let evidence = Evidence::collect(prepared, &kafka, &registry, &names, expected).await?;
    let completed = format!("all {} flights ingested, all {changes} changes published", flights.len());
    let checks = vec![
        Check::new("completed", completed, stall.into_iter().collect()),
        checks::flights(&evidence),
        checks::delays(&evidence, &expected_rows::delays(&flights))?,
        checks::positions(&evidence, &names.ingest, &names.topic, PARTITIONS).await?,
        checks::dead_letters(&evidence, &names.ingest).await?,
        checks::folded(&evidence),
        checks::exactly_once(&evidence),
        checks::order(&evidence),
    ];
    let total = flights.len() as u64;
    let published = evidence.changes().count() as u64;
    let figures = Figures {
        seed,
        workers_each: workers,
        produced: Throughput::new(total, stage_times.produced),
        ingested: Throughput::new(total, stage_times.ingested),
        published: Throughput::new(published, stage_times.published),
        kafka_to_spanner: latency::kafka_to_spanner(&evidence),
        spanner_to_kafka: latency::spanner_to_kafka(&evidence),
        commit_to_transaction_end: Latency::of_histogram(&publish.metrics, PUBLISH_LATENCY_SECONDS),
        ingest: IngestFigures::new(&ingest),
        publish: PublishFigures::new(&publish),
    };
    Ok(Outcome::new(Report::new(checks, figures), environment, setup, folder))
}
