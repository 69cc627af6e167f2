//! Several workers a pipeline, and partitions and shards that move between them.

use spanbridge_testbed::child_process::Service;

use super::bed::bed;
use super::invariants;
use super::world::{LIMIT, World, wait_for};

#[tokio::test]
async fn two_ingest_workers_rebalance_in_mid_flow() {
    let world = World::new(bed().await).await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    let mut first = world.start_ready(Service::Ingest, "first").await;
    world.produce(0..1500).await;
    world.wait_applied(300, &mut [&mut first]).await;
    let mut second = world.start_ready(Service::Ingest, "second").await;
    world.produce(1500..3000).await;
    wait_for("partitions of the second worker", async || {
        let metrics = second.metrics().await.unwrap();
        metrics.sum("spanbridge_ingest_assigned_partitions", &[]) > 0.0
    })
    .await;
    world.wait_applied(2000, &mut [&mut first, &mut second]).await;
    // It leaves in mid-flow, and takes nothing along.
    first.stop(LIMIT).await.unwrap();
    world.produce(3000..3500).await;
    invariants::check(&world, &mut [&mut second, &mut publish]).await;
}

#[tokio::test]
async fn two_publish_workers_move_shards() {
    let world = World::new(bed().await).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut first = world.start_ready(Service::Publish, "first").await;
    world.produce(0..1500).await;
    world.wait_applied(500, &mut [&mut ingest]).await;
    let second = world.start_ready(Service::Publish, "second").await;
    wait_for("shards of the second worker", async || {
        second.metrics().await.unwrap().sum("spanbridge_publish_shards", &[]) > 0.0
    })
    .await;
    world.produce(1500..2500).await;
    world.wait_applied(2000, &mut [&mut ingest]).await;
    first.kill().await.unwrap();
    let mut third = world.start(Service::Publish, "third");
    world.produce(2500..3000).await;
    world.wait_applied(3000, &mut [&mut ingest]).await;
    second.stop(LIMIT).await.unwrap();
    invariants::check(&world, &mut [&mut ingest, &mut third]).await;
}
