//! Failures of the infrastructure: the broker restarts, and the emulator aborts commits.

use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Kafka, KafkaOptions, Source, Spanner, SpannerOptions, Stop};

use super::fixture::{Fixture, FixtureOptions};
use super::invariants;
use super::shared_testbed::testbed;

#[tokio::test]
async fn services_survive_a_broker_restart() {
    let testbed = testbed().await;
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, FixtureOptions::default()).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    for (round, stop) in [(0, Stop::Clean), (1, Stop::Kill)] {
        fixture.produce(round * 1000..(round + 1) * 1000).await;
        let moment = u64::try_from(round * 1000 + 300).unwrap();
        fixture.wait_applied(moment, &mut [&mut ingest, &mut publish]).await;
        kafka.restart(stop).await.unwrap();
    }
    fixture.produce(2000..2500).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    ingest.stop(super::fixture::TIMEOUT).await.unwrap();
    publish.stop(super::fixture::TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn aborted_commits_are_retried() {
    let testbed = testbed().await;
    let options = SpannerOptions { source: Source::New, fault_injection: true, ..SpannerOptions::default() };
    let spanner = Spanner::start(options).await.unwrap();
    let fixture = Fixture::with(testbed.kafka().unwrap(), &spanner, testbed, FixtureOptions::default()).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut produced = 0;
    // One commit in twenty is aborted; produce until one is.
    loop {
        fixture.produce(produced..produced + 1000).await;
        produced += 1000;
        invariants::wait_until_drained(&fixture, &mut [&mut ingest, &mut publish]).await;
        let metrics = ingest.metrics().await.unwrap();
        let aborted = metrics.sum("spanbridge_ingest_commits_total", &["outcome=\"aborted\""]);
        if aborted > 0.0 {
            break;
        }
        assert!(produced < 20_000, "no commit was aborted");
    }
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
}
