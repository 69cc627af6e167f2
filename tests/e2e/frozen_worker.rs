//! A publish worker that is frozen for longer than Kafka keeps its transaction open.

use std::time::Instant;

use spanbridge_kafka::{Offsets, Reader, TopicPartition};
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT};
use super::invariants;
use super::shared_testbed::testbed;

/// A short transaction timeout, which is still longer than any commit of a running worker.
const SHORT_TRANSACTION_TIMEOUT: &str = "\"transaction.timeout.ms\" = \"8000\"";
/// The number of orders per attempt to find an open transaction.
const PORTION: i64 = 300;
/// The number of looks for an open transaction after each portion. A quick worker has published it by then.
const LOOKS: usize = 200;

async fn fixture() -> Fixture {
    let testbed = testbed().await;
    let choices = FixtureOptions { kafka: SHORT_TRANSACTION_TIMEOUT, ..FixtureOptions::default() };
    Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await
}

#[tokio::test]
async fn frozen_worker_resumes_after_the_broker_aborted_its_transaction() {
    let fixture = fixture().await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = fixture.start_ready(Service::Publish, "frozen").await;
    let orders = freeze_until_aborted(&fixture, &frozen).await;
    frozen.thaw().unwrap();
    fixture.produce(orders..orders + PORTION).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut frozen]).await;
    for worker in [ingest, frozen] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn frozen_worker_resumes_after_another_worker_continued_from_its_aborted_transaction() {
    let fixture = fixture().await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = fixture.start_ready(Service::Publish, "frozen").await;
    let orders = freeze_until_aborted(&fixture, &frozen).await;
    let mut other = fixture.start(Service::Publish, "other");
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::each_change_exactly_once(&fixture, &mut [&mut other]).await;
    frozen.thaw().unwrap();
    fixture.produce(orders..orders + PORTION).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut frozen, &mut other]).await;
    for worker in [ingest, frozen, other] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

/// Freezes the worker with an open transaction, and waits until the broker has aborted it. No other worker exists that could
/// have done so. Returns the number of orders.
async fn freeze_until_aborted(fixture: &Fixture, worker: &WorkerProcess) -> i64 {
    let reader = Reader::new(&fixture.kafka, TIMEOUT).unwrap();
    let offsets = (Offsets::new(&fixture.kafka).unwrap(), Offsets::stable(&fixture.kafka).unwrap());
    let topic = format!("{}.Orders", fixture.pipeline(Service::Publish));
    let (mut orders, end) = (0, Instant::now() + TIMEOUT);
    while Instant::now() < end {
        fixture.produce(orders..orders + PORTION).await;
        orders += PORTION;
        if !is_transaction_open(&offsets, &topic).await {
            continue;
        }
        worker.freeze().unwrap();
        if let Some((partition, begin)) = find_open_transaction(&offsets, &topic).await {
            // The loop waits until the transaction has ended.
            let records = reader.read_partition_to_end(&partition, Some(begin)).await.unwrap();
            if records.is_empty() {
                return orders;
            }
            println!("the commit of a transaction was on its way");
        }
        worker.thaw().unwrap();
    }
    panic!("no open transaction within {TIMEOUT:?}; {}", worker.log_tail());
}

/// Looks several times for an open transaction.
async fn is_transaction_open(offsets: &(Offsets, Offsets), topic: &str) -> bool {
    for _ in 0..LOOKS {
        if find_open_transaction(offsets, topic).await.is_some() {
            return true;
        }
    }
    false
}

/// Finds a partition whose last stable offset is below its end, and returns both.
async fn find_open_transaction(
    (ends, stable): &(Offsets, Offsets),
    topic: &str,
) -> Option<(TopicPartition, i64)> {
    for partition in 0..3 {
        let partition = TopicPartition::new(topic, partition);
        let (Ok(stable), Ok(end)) =
            (stable.watermarks(&partition, TIMEOUT).await, ends.watermarks(&partition, TIMEOUT).await)
        else {
            // The topic is created with the first record.
            return None;
        };
        if stable.end < end.end {
            return Some((partition, stable.end));
        }
    }
    None
}
