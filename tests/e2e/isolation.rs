//! A pipeline that fails does not affect the other pipelines of its process.

use std::process::{Output, Stdio};

use serde_json::Value;
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Proxy, Source, Stop};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

/// An ingest pipeline whose table does not exist.
const WITHOUT_TABLE: &str = r#"
[[ingest]]
name = "broken-{id}"
topics = ["orders-{id}"]
[[ingest.table]]
table = "Missing"
columns = { Id = "value.id" }
"#;
/// An ingest pipeline that cannot decode any record, and stops at the first of each partition.
const WITH_REFUSED_RECORDS: &str = r#"
[[ingest]]
name = "broken-{id}"
topics = ["orders-{id}"]
value = { format = "json" }
on_error = "stop"
[[ingest.table]]
table = "Orders"
columns = { Id = "value.id", Customer = "value.customer", Amount = "value.amount", SourceOffset = "offset" }
"#;
/// A publish pipeline whose change stream does not exist.
const WITHOUT_STREAM: &str = r#"
[[publish]]
name = "broken-{id}"
change_stream = "Missing"
create_topics = { partitions = 1, replication_factor = 1 }
"#;

async fn fixture(pipelines: &'static str) -> Fixture {
    let testbed = testbed().await;
    let choices = FixtureOptions { pipelines, ..FixtureOptions::default() };
    Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await
}

/// Returns what `/status` shows of the broken pipeline's supervision, and the reason why the pipeline is not ready.
async fn broken(fixture: &Fixture, worker: &WorkerProcess) -> (Value, String) {
    let Ok(text) = worker.status().await else { return (Value::Null, String::new()) };
    let status: Value = serde_json::from_str(&text).unwrap();
    let pipeline = &status["pipelines"][format!("broken-{}", fixture.id)];
    (pipeline["supervision"].clone(), pipeline["reason"].as_str().unwrap_or_default().to_owned())
}

/// Waits until the broken pipeline has stopped with this code, which the metrics also show.
async fn wait_until_stopped(fixture: &Fixture, worker: &mut WorkerProcess, code: &str) {
    wait_for("stop of the broken pipeline", async || {
        worker.check_running().unwrap();
        broken(fixture, worker).await.0["state"] == "stopped"
    })
    .await;
    let (supervision, reason) = broken(fixture, worker).await;
    assert_eq!(supervision["code"], code, "{reason}");
    assert!(reason.starts_with("stopped: "), "{reason}");
    let label = format!("pipeline=\"broken-{}\"", fixture.id);
    let metrics = worker.metrics().await.unwrap();
    assert_eq!(metrics.sum("spanbridge_pipeline_stopped", &[&label]), 1.0);
    assert_eq!(metrics.sum("spanbridge_pipeline_stopped", &[]), 1.0);
}

async fn stop_expecting(worker: WorkerProcess, code: i32) {
    let error = worker.stop(TIMEOUT).await.unwrap_err().to_string();
    assert!(error.contains(&format!("exit status: {code}")), "{error}");
}

#[tokio::test]
async fn ingest_pipeline_without_its_table_stops_alone() {
    let fixture = fixture(WITHOUT_TABLE).await;
    let mut ingest = fixture.start(Service::Ingest, "ingest");
    wait_until_stopped(&fixture, &mut ingest, "SB-MAPPING-TABLE").await;
    fixture.produce(0..300).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    // The exit code is that of the pipeline that stopped.
    stop_expecting(ingest, 2).await;
}

#[tokio::test]
async fn ingest_pipeline_with_refused_records_stops_alone() {
    let fixture = fixture(WITH_REFUSED_RECORDS).await;
    let mut ingest = fixture.start(Service::Ingest, "ingest");
    fixture.produce(0..300).await;
    wait_until_stopped(&fixture, &mut ingest, "SB-INGEST-ALL-STOPPED").await;
    fixture.produce(300..600).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    stop_expecting(ingest, 1).await;
}

#[tokio::test]
async fn publish_pipeline_without_its_change_stream_stops_alone() {
    let fixture = fixture(WITHOUT_STREAM).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start(Service::Publish, "publish");
    wait_until_stopped(&fixture, &mut publish, "SB-PUBLISH-CONFIG").await;
    fixture.produce(0..300).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    stop_expecting(publish, 2).await;
    ingest.stop(TIMEOUT).await.unwrap();
}

/// Runs a service until it exits.
async fn run(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_spanbridge"));
    command.args(arguments).args(["--listen", "127.0.0.1:0", "--config"]).arg(fixture.config());
    let output = command.env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(TIMEOUT, output).await.unwrap().unwrap()
}

#[tokio::test]
async fn fail_fast_ends_the_process_with_the_first_stopped_pipeline() {
    let fixture = fixture(WITHOUT_TABLE).await;
    let output = run(&fixture, &["ingest", "--fail-fast"]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("SB-MAPPING-TABLE"), "{text}");
}

#[tokio::test]
async fn process_ends_when_its_only_pipeline_has_stopped() {
    let fixture = fixture(WITHOUT_TABLE).await;
    let name = format!("broken-{}", fixture.id);
    let output = run(&fixture, &["ingest", "--pipeline", &name]).await;
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn services_wait_for_a_spanner_that_is_away_at_the_start() {
    let testbed = testbed().await;
    let spanner = testbed.spanner().unwrap();
    let proxy = Proxy::start(spanner.grpc()).await.unwrap();
    let address = proxy.address();
    let ddl = super::fixture::ddl();
    let options = FixtureOptions::default();
    let fixture =
        Fixture::at(testbed.kafka().unwrap(), [&address, spanner.rest()], &ddl, testbed, options).await;
    proxy.cut().await;
    let mut workers =
        [Service::Ingest, Service::Publish].map(|service| fixture.start(service, service.name()));
    for (worker, service) in workers.iter_mut().zip([Service::Ingest, Service::Publish]) {
        let pipeline = fixture.pipeline(service);
        wait_for("restart of a pipeline", async || {
            worker.check_running().unwrap();
            let Ok(text) = worker.status().await else { return false };
            let status: Value = serde_json::from_str(&text).unwrap();
            let pipeline = &status["pipelines"][&pipeline];
            let reason = pipeline["reason"].as_str().unwrap_or_default();
            pipeline["supervision"]["state"] == "restarting" && reason.contains("SB-SPANNER-UNAVAILABLE")
        })
        .await;
    }
    proxy.heal().await.unwrap();
    let [mut ingest, mut publish] = workers;
    fixture.produce(0..300).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn services_wait_for_a_broker_that_is_away_at_the_start() {
    let testbed = testbed().await;
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, FixtureOptions::default()).await;
    kafka.stop(Stop::Clean).await.unwrap();
    let mut ingest = fixture.start(Service::Ingest, "ingest");
    let mut publish = fixture.start(Service::Publish, "publish");
    wait_for("restart of the publish pipeline", async || {
        ingest.check_running().unwrap();
        publish.check_running().unwrap();
        publish.log_tail().contains("the pipeline failed and restarts")
    })
    .await;
    kafka.resume().await.unwrap();
    fixture.produce(0..300).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}
