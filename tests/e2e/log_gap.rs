//! The log no longer contains the stored position.

use spanbridge_kafka::{Admin, Offsets, TopicPartition};
use spanbridge_testbed::child_process::Service;

use super::fixture::{Fixture, FixtureOptions, PARTITIONS, TIMEOUT, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

/// Applies some records, then deletes later records from the log before they are applied.
async fn create_gap(fixture: &Fixture) -> i64 {
    let mut ingest = fixture.start_ready(Service::Ingest, "before").await;
    fixture.produce(0..400).await;
    invariants::wait_until_drained(fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(fixture).await;
    ingest.stop(TIMEOUT).await.unwrap();
    fixture.produce(400..800).await;
    let (admin, offsets) =
        (Admin::new(&fixture.kafka, TIMEOUT).unwrap(), Offsets::new(&fixture.kafka).unwrap());
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(fixture.topic.as_str(), partition);
        let end = offsets.watermarks(&at, TIMEOUT).await.unwrap().end;
        admin.delete_records(&at, end).await.unwrap();
    }
    i64::from(PARTITIONS)
}

#[tokio::test]
async fn log_gap_stops_the_worker_and_reports_the_lost_offsets() {
    let fixture = Fixture::new(testbed().await).await;
    create_gap(&fixture).await;
    let before = spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline(Service::Ingest))
        .await
        .unwrap();
    let mut ingest = fixture.start(Service::Ingest, "after");
    wait_for("exit of the worker", async || !matches!(ingest.exit_status(), Ok(None))).await;
    assert!(!ingest.exit_status().unwrap().unwrap().success());
    let log = ingest.log_tail();
    assert!(log.contains("SB-INGEST-GAP") && log.contains("but the log holds the offsets from"), "{log}");
    let after = spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline(Service::Ingest))
        .await
        .unwrap();
    assert_eq!(before, after, "no record is skipped silently");
}

#[tokio::test]
async fn skipped_log_gap_is_recorded() {
    let testbed = testbed().await;
    let choices = FixtureOptions { ingest: "on_gap = \"skip\"", ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    let partitions = create_gap(&fixture).await;
    let totals = fixture.database.table("Totals").await.unwrap().unwrap();
    let before = spanbridge_verify::rows::read(&fixture.database, &totals).await.unwrap();
    let mut ingest = fixture.start_ready(Service::Ingest, "after").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let label = format!("pipeline=\"{}\"", fixture.pipeline(Service::Ingest));
    let metrics = ingest.metrics().await.unwrap();
    assert_eq!(metrics.sum("spanbridge_ingest_gap_records_total", &[&label]), 400.0);
    assert_eq!(metrics.sum("spanbridge_ingest_gaps_total", &[&label]), f64::from(PARTITIONS));
    assert_eq!(metrics.count("spanbridge_ingest_paused_partitions", &[&label]), 1);
    let columns = [("FromOffset".to_owned(), spanbridge_protocol::value::Type::Int64)];
    let pipeline = fixture.pipeline(Service::Ingest);
    let gaps = fixture.database.read_prefix("BridgeGaps", &columns, vec![pipeline.into()]).await.unwrap();
    assert_eq!(i64::try_from(gaps.len()).unwrap(), partitions);
    let after = spanbridge_verify::rows::read(&fixture.database, &totals).await.unwrap();
    assert_eq!(before, after, "lost records change nothing");
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    invariants::each_change_exactly_once(&fixture, &mut [&mut publish]).await;
}
