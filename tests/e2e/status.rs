//! `/status` of the admin port.

use serde_json::Value;
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, TIMEOUT, wait_for};
use super::shared_testbed::testbed;

#[tokio::test]
async fn status_shows_pipelines_with_partitions_and_shards() {
    let fixture = Fixture::new(testbed().await).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..100).await;
    fixture.wait_applied(100, &mut [&mut ingest, &mut publish]).await;

    let pipeline = pipeline_status(&ingest, &fixture.pipeline(Service::Ingest)).await;
    assert_eq!(pipeline["ready"], true, "{pipeline}");
    let partitions = pipeline["partitions"].as_array().unwrap();
    assert!(!partitions.is_empty(), "{pipeline}");
    assert!(partitions.iter().all(|partition| partition["stopped"].is_null()), "{pipeline}");

    // A publish pipeline may be ready before its worker owns a shard, and before the shard reads its first token.
    let name = fixture.pipeline(Service::Publish);
    wait_for("shards that run and read tokens", async || {
        let pipeline = pipeline_status(&publish, &name).await;
        let shards = pipeline["shards"].as_array().unwrap();
        let is_running = |shard: &Value| shard["running"] == true;
        let reads_tokens = |shard: &Value| shard["tokens"]["running"].as_u64() > Some(0);
        pipeline["ready"] == true && shards.iter().all(is_running) && shards.iter().any(reads_tokens)
    })
    .await;

    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

/// Returns the status of one pipeline of the worker.
async fn pipeline_status(worker: &WorkerProcess, name: &str) -> Value {
    let status: Value = serde_json::from_str(&worker.status().await.unwrap()).unwrap();
    let pipeline = status["pipelines"].get(name);
    pipeline.unwrap_or_else(|| panic!("no pipeline {name}: {status}")).clone()
}
