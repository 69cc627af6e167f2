//! `/readyz` and the log tell the truth about parts that are away: Kafka, Spanner, and progress itself.

use std::time::{Duration, Instant};

use serde_json::Value;
use spanbridge_kafka::{Transaction, TransactionalOptions, TransactionalProducer};
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Proxy, Source, Spanner, SpannerOptions, Stop};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, ddl, wait_for};
use super::orders::Order;
use super::shared_testbed::testbed;

/// A short limit, so that a worker without progress is soon unready.
const READY_TIMEOUT: &str = "ready_timeout = \"6s\"";
/// Failures of a part after which a worker would have reported a wrong readiness.
const MANY_FAILURES: f64 = 8.0;

fn choices() -> FixtureOptions {
    FixtureOptions { telemetry: READY_TIMEOUT.to_owned(), ..FixtureOptions::default() }
}

async fn new_broker() -> Kafka {
    Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap()
}

async fn new_emulator() -> Spanner {
    Spanner::start(SpannerOptions { source: Source::New, ..SpannerOptions::default() }).await.unwrap()
}

/// Creates a fixture whose services reach the emulator through a proxy.
async fn fixture_behind(proxy: &Proxy, spanner: &Spanner) -> Fixture {
    let testbed = testbed().await;
    let addresses = [&proxy.address(), spanner.rest()];
    Fixture::at(testbed.kafka().unwrap(), addresses, &ddl(), testbed, choices()).await
}

/// Waits until no pipeline of the worker is ready, for a reason that contains the text. Panics if a ready pipeline has
/// been seen after all of them were not ready.
async fn wait_until_unready(worker: &mut WorkerProcess, reason: &str) -> String {
    let mut text = String::new();
    wait_for(&format!("unready {} because of {reason}", worker.name()), async || {
        worker.check_running().unwrap();
        let Ok((_, answer)) = worker.readiness().await else { return false };
        text = answer;
        !text.is_empty() && text.lines().all(|line| line.contains("not ready") && line.contains(reason))
    })
    .await;
    text
}

/// Waits until the part has failed often since now. The worker must not be ready meanwhile.
async fn stays_unready(worker: &mut WorkerProcess, part: &str) {
    let failures = async |worker: &WorkerProcess| {
        let label = format!("part=\"{part}\"");
        worker.metrics().await.map_or(0.0, |it| it.sum("spanbridge_part_failures_total", &[&label]))
    };
    let before = failures(worker).await;
    wait_for(&format!("failures of {part}"), async || {
        worker.check_running().unwrap();
        let (is_ready, text) = worker.readiness().await.unwrap();
        assert!(
            !is_ready,
            "{} must not be ready without {part}: {text}\n{}",
            worker.name(),
            worker.log_tail()
        );
        failures(worker).await >= before + MANY_FAILURES
    })
    .await;
}

/// Counts the lines of the worker's log that contain all of these texts.
fn count_lines(worker: &WorkerProcess, texts: &[&str]) -> usize {
    worker.log().lines().filter(|line| texts.iter().all(|text| line.contains(text))).count()
}

/// Returns the number of the service's pipelines in the fixture.
fn pipelines(service: Service) -> usize {
    if service == Service::Ingest { 2 } else { 1 }
}

/// Asserts that the log has one line per pipeline for the start and for the end of the part's outage.
fn assert_one_outage(worker: &WorkerProcess, service: Service, part: &str) {
    for what in ["is away", "is back"] {
        let lines = count_lines(worker, &[&format!("{part} {what}")]);
        assert_eq!(lines, pipelines(service), "lines with {part} {what} in\n{}", worker.log());
    }
}

#[tokio::test]
async fn service_that_starts_without_kafka_is_not_ready_until_it_answers() {
    let testbed = testbed().await;
    let kafka = new_broker().await;
    let proxy = kafka.proxy().await.unwrap();
    let options = FixtureOptions { bootstrap: Some(proxy.address()), ..choices() };
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, options).await;
    proxy.cut().await;
    let mut workers = [
        (Service::Ingest, fixture.start(Service::Ingest, "ingest")),
        (Service::Publish, fixture.start(Service::Publish, "publish")),
    ];
    for (_, worker) in &mut workers {
        wait_until_unready(worker, "Kafka").await;
        stays_unready(worker, "kafka").await;
    }
    proxy.heal().await.unwrap();
    for (service, worker) in &mut workers {
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        assert_eq!(count_lines(worker, &["Kafka is away"]), pipelines(*service), "{}", worker.log());
    }
    for (_, worker) in workers {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn dead_broker_makes_both_services_unready_until_it_returns() {
    let testbed = testbed().await;
    let kafka = new_broker().await;
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, choices()).await;
    let mut workers = [
        (Service::Ingest, fixture.start_ready(Service::Ingest, "ingest").await),
        (Service::Publish, fixture.start_ready(Service::Publish, "publish").await),
    ];
    kafka.stop(Stop::Kill).await.unwrap();
    for (_, worker) in &mut workers {
        wait_until_unready(worker, "Kafka").await;
        stays_unready(worker, "kafka").await;
    }
    kafka.resume().await.unwrap();
    for (service, worker) in &mut workers {
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        wait_for("the end of the outage", async || {
            count_lines(worker, &["Kafka is back"]) == pipelines(*service)
        })
        .await;
        assert_one_outage(worker, *service, "Kafka");
    }
    for (_, worker) in workers {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn frozen_spanner_makes_both_services_unready_until_it_answers() {
    let testbed = testbed().await;
    let spanner = new_emulator().await;
    let fixture = Fixture::with(testbed.kafka().unwrap(), &spanner, testbed, choices()).await;
    let mut workers = [
        (Service::Ingest, fixture.start_ready(Service::Ingest, "ingest").await),
        (Service::Publish, fixture.start_ready(Service::Publish, "publish").await),
    ];
    spanner.freeze().unwrap();
    for (_, worker) in &mut workers {
        wait_until_unready(worker, "Spanner").await;
        wait_until_unready(worker, "timeout").await;
    }
    spanner.thaw().unwrap();
    for (service, worker) in &mut workers {
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        wait_for("the end of the outage", async || {
            count_lines(worker, &["Spanner is back"]) == pipelines(*service)
        })
        .await;
        assert_one_outage(worker, *service, "Spanner");
    }
    for (_, worker) in workers {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn flapping_spanner_does_not_make_readiness_flap() {
    let spanner = new_emulator().await;
    let proxy = Proxy::start(spanner.grpc()).await.unwrap();
    let fixture = fixture_behind(&proxy, &spanner).await;
    let mut workers = [
        fixture.start_ready(Service::Ingest, "ingest").await,
        fixture.start_ready(Service::Publish, "publish").await,
    ];
    proxy.cut().await;
    for worker in &mut workers {
        wait_until_unready(worker, "refused").await;
        stays_unready(worker, "spanner").await;
    }
    // Spanner answers for moments that are too short to call it back.
    let mut was_ready = [false; 2];
    for _ in 0..10 {
        proxy.heal().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut().await;
        for (worker, was_ready) in workers.iter().zip(&mut was_ready) {
            *was_ready |= worker.readiness().await.unwrap().0;
        }
    }
    assert_eq!(was_ready, [false; 2], "ready between two outages");
    proxy.heal().await.unwrap();
    for mut worker in workers {
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn publish_is_ready_only_with_its_shards() {
    let fixture = Fixture::new(testbed().await).await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let status: Value = serde_json::from_str(&publish.status().await.unwrap()).unwrap();
    let pipeline = &status["pipelines"][fixture.pipeline(Service::Publish)];
    let shards = pipeline["shards"].as_array().map_or(0, Vec::len);
    assert_eq!(shards, 4, "the only worker is ready without its shards: {status}");
    assert!(pipeline["since"].is_string(), "{status}");
    publish.check_running().unwrap();
    publish.stop(TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn lag_is_exported_only_for_owned_partitions() {
    let fixture = Fixture::new(testbed().await).await;
    fixture.produce(0..100).await;
    let mut first = fixture.start_ready(Service::Ingest, "first").await;
    let lags = async |worker: &WorkerProcess| {
        let pipeline = format!("pipeline=\"{}\"", fixture.pipeline(Service::Ingest));
        let metrics = worker.metrics().await.unwrap();
        let owned = metrics.sum("spanbridge_ingest_assigned_partitions", &[&pipeline]);
        (
            owned,
            f64::from(u32::try_from(metrics.count("spanbridge_ingest_lag_records", &[&pipeline])).unwrap()),
        )
    };
    wait_for("lag of all partitions", async || lags(&first).await == (4.0, 4.0)).await;
    let mut second = fixture.start_ready(Service::Ingest, "second").await;
    for worker in [&first, &second] {
        wait_for("lag of two partitions", async || lags(worker).await == (2.0, 2.0)).await;
    }
    for worker in [&mut first, &mut second] {
        worker.check_running().unwrap();
    }
    for worker in [first, second] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn unreachable_registry_makes_a_waiting_pipeline_unready() {
    let testbed = testbed().await;
    let url = testbed.registry().unwrap().url();
    let address = url.trim_start_matches("http://");
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let proxy = Proxy::start(host).await.unwrap();
    let registry = Some(format!("http://{}/{path}", proxy.address()));
    let options = FixtureOptions { registry, ..choices() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, options).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    proxy.cut().await;
    // The worker has not seen the schema of these records yet.
    fixture.produce(0..20).await;
    wait_until_unready(&mut ingest, "Registry is away").await;
    stays_unready(&mut ingest, "registry").await;
    proxy.heal().await.unwrap();
    ingest.wait_until_ready(TIMEOUT).await.unwrap();
    fixture.wait_applied(20, &mut [&mut ingest]).await;
    wait_for("the end of the outage", async || count_lines(&ingest, &["Registry is back"]) == 2).await;
    assert_one_outage(&ingest, Service::Ingest, "Registry");
    ingest.stop(TIMEOUT).await.unwrap();
}

/// A log that a transactional producer wrote ends with a marker, which no position ever passes.
#[tokio::test]
async fn ingest_is_ready_at_the_end_of_a_transactional_log() {
    let testbed = testbed().await;
    let fixture =
        Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices()).await;
    let options = TransactionalOptions {
        transactional_id: fixture.id.clone(),
        transaction_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(60),
    };
    let producer = TransactionalProducer::init(&fixture.kafka, &options).await.unwrap();
    let data = (0..20).map(|number| fixture.order(&Order::numbered(number))).collect();
    let (producer, _) = producer.commit(Transaction { data, ..Transaction::default() }).await.unwrap();
    producer.close().await.unwrap();
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    fixture.wait_applied(20, &mut [&mut ingest]).await;
    // Three times the limit: a position in front of a marker would have ended the readiness.
    let end = Instant::now() + Duration::from_secs(18);
    while Instant::now() < end {
        let (is_ready, text) = ingest.readiness().await.unwrap();
        assert!(is_ready, "{text}\n{}", ingest.log_tail());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ingest.stop(TIMEOUT).await.unwrap();
}
