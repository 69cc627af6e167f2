//! Several workers per pipeline, and partitions and shards that move between them.

use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, TIMEOUT, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

#[tokio::test]
async fn ingest_workers_rebalance_under_load() {
    let fixture = Fixture::new(testbed().await).await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut first = fixture.start_ready(Service::Ingest, "first").await;
    fixture.produce(0..1500).await;
    fixture.wait_applied(300, &mut [&mut first]).await;
    let mut second = fixture.start_ready(Service::Ingest, "second").await;
    fixture.produce(1500..3000).await;
    wait_for("partitions of the second worker", async || {
        let metrics = second.metrics().await.unwrap();
        metrics.sum("spanbridge_ingest_assigned_partitions", &[]) > 0.0
    })
    .await;
    fixture.wait_applied(2000, &mut [&mut first, &mut second]).await;
    // The worker leaves under load, and no record is lost.
    first.stop(TIMEOUT).await.unwrap();
    fixture.produce(3000..3500).await;
    invariants::check(&fixture, &mut [&mut second, &mut publish]).await;
}

#[tokio::test]
async fn publish_workers_move_shards_under_load() {
    let fixture = Fixture::new(testbed().await).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut first = fixture.start_ready(Service::Publish, "first").await;
    fixture.produce(0..1500).await;
    fixture.wait_applied(500, &mut [&mut ingest]).await;
    let second = fixture.start_ready(Service::Publish, "second").await;
    wait_for("shards of the second worker", async || {
        second.metrics().await.unwrap().sum("spanbridge_publish_shards", &[]) > 0.0
    })
    .await;
    fixture.produce(1500..2500).await;
    fixture.wait_applied(2000, &mut [&mut ingest]).await;
    first.kill().await.unwrap();
    let mut third = fixture.start(Service::Publish, "third");
    fixture.produce(2500..3000).await;
    fixture.wait_applied(3000, &mut [&mut ingest]).await;
    second.stop(TIMEOUT).await.unwrap();
    invariants::check(&fixture, &mut [&mut ingest, &mut third]).await;
}
