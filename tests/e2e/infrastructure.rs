//! Parts that fail: the broker restarts, the emulator aborts commits.

use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Kafka, KafkaOptions, Source, Spanner, SpannerOptions, Stop};

use super::bed::bed;
use super::invariants;
use super::world::{Choices, World};

#[tokio::test]
async fn the_broker_restarts() {
    let bed = bed().await;
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let world = World::with(&kafka, bed.spanner().unwrap(), bed, Choices::default()).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    for (round, stop) in [(0, Stop::Clean), (1, Stop::Kill)] {
        world.produce(round * 1000..(round + 1) * 1000).await;
        let moment = u64::try_from(round * 1000 + 300).unwrap();
        world.wait_applied(moment, &mut [&mut ingest, &mut publish]).await;
        kafka.restart(stop).await.unwrap();
    }
    world.produce(2000..2500).await;
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    ingest.stop(super::world::LIMIT).await.unwrap();
    publish.stop(super::world::LIMIT).await.unwrap();
}

#[tokio::test]
async fn the_emulator_aborts_commits() {
    let bed = bed().await;
    let options = SpannerOptions { source: Source::New, fault_injection: true, ..SpannerOptions::default() };
    let spanner = Spanner::start(options).await.unwrap();
    let world = World::with(bed.kafka().unwrap(), &spanner, bed, Choices::default()).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    let mut produced = 0;
    // An abort hits one commit in twenty: until one was met.
    loop {
        world.produce(produced..produced + 1000).await;
        produced += 1000;
        invariants::drained(&world, &mut [&mut ingest, &mut publish]).await;
        let metrics = ingest.metrics().await.unwrap();
        let aborted = metrics.sum("spanbridge_ingest_commits_total", &["outcome=\"aborted\""]);
        if aborted > 0.0 {
            break;
        }
        assert!(produced < 20_000, "no commit was aborted");
    }
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
}
