//! The log ends with control records and aborted records, which no consumer receives.

use std::time::Duration;

use spanbridge_kafka::{
    Admin, Message, Offsets, TopicPartition, Transaction, TransactionalOptions, TransactionalProducer,
};
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, TIMEOUT, wait_for};
use super::invariants;
use super::orders::Order;
use super::shared_testbed::testbed;

/// Larger than a producer's `max.request.size`.
const TOO_LARGE: usize = 3 << 20;

async fn init(fixture: &Fixture) -> TransactionalProducer {
    let options = TransactionalOptions {
        transactional_id: format!("orders-{}", fixture.id),
        transaction_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(30),
    };
    TransactionalProducer::init(&fixture.kafka, &options).await.unwrap()
}

fn order(fixture: &Fixture, number: i64) -> Message {
    fixture.order(&Order::numbered(number)).with_partition(0)
}

/// Commits two orders, and aborts another one.
async fn produce(fixture: &Fixture) {
    let data = vec![order(fixture, 0), order(fixture, 1)];
    let producer = init(fixture).await;
    let (producer, _) = producer.commit(Transaction { data, state: Vec::new() }).await.unwrap();
    let oversized = Message::new(fixture.topic.as_str()).with_partition(1).with_value(vec![0; TOO_LARGE]);
    let torn = Transaction { data: vec![order(fixture, 2)], state: vec![oversized] };
    producer.commit(torn).await.unwrap_err();
    // The next producer aborts the transaction.
    init(fixture).await.close().await.unwrap();
}

#[tokio::test]
async fn position_passes_markers_and_aborted_records_before_they_expire() {
    let fixture = Fixture::new(testbed().await).await;
    produce(&fixture).await;
    let offsets = Offsets::new(&fixture.kafka).unwrap();
    let first = TopicPartition::new(fixture.topic.as_str(), 0);
    let end = offsets.watermarks(&first, TIMEOUT).await.unwrap().end;
    assert!(end >= 3, "two records and their marker: {end}");

    let mut ingest = fixture.start_ready(Service::Ingest, "before").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    let label = format!("pipeline=\"{}\"", fixture.pipeline(Service::Ingest));
    wait_for("lag of 0", async || {
        let metrics = ingest.metrics().await.unwrap();
        metrics.sum("spanbridge_ingest_lag_records", &[&label]) == 0.0
    })
    .await;
    ingest.stop(TIMEOUT).await.unwrap();

    Admin::new(&fixture.kafka, TIMEOUT).unwrap().delete_records(&first, end).await.unwrap();
    let log = offsets.watermarks(&first, TIMEOUT).await.unwrap();
    assert_eq!((log.start, log.end), (end, end), "the log is empty");
    let mut ingest = fixture.start_ready(Service::Ingest, "after").await;
    fixture.produce(10..20).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let metrics = ingest.metrics().await.unwrap();
    assert_eq!(metrics.sum("spanbridge_ingest_gaps_total", &[&label]), 0.0, "{}", ingest.log_tail());
}

/// The records of the transaction are applied before the marker behind them is passed, also when the worker is stopped
/// at once.
#[tokio::test]
async fn shutdown_leaves_the_position_at_the_end() {
    let fixture = Fixture::new(testbed().await).await;
    produce(&fixture).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "first").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    // The interval between two moves to the end has not passed when the worker stops.
    let producer = init(&fixture).await;
    let data = vec![order(&fixture, 3)];
    let (producer, _) = producer.commit(Transaction { data, state: Vec::new() }).await.unwrap();
    producer.close().await.unwrap();
    let before = fixture.applied().await;
    fixture.wait_applied(before + 1, &mut [&mut ingest]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    ingest.stop(TIMEOUT).await.unwrap();
    invariants::wait_until_drained(&fixture, &mut []).await;
    invariants::spanner_equals_the_fold(&fixture).await;
}
