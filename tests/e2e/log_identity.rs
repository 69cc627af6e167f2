//! Another log has taken the place of the log, and has already grown past the positions.

use std::collections::BTreeSet;

use spanbridge_kafka::{Admin, Offsets, TopicPartition};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, FixtureOptions, PARTITIONS, TIMEOUT, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

/// The records of the first log, and those of the second.
const OLD: i64 = 400;
const NEW: i64 = 1200;

async fn apply_first_log(fixture: &Fixture) {
    let mut ingest = fixture.start_ready(Service::Ingest, "before").await;
    fixture.produce(0..OLD).await;
    invariants::wait_until_drained(fixture, &mut [&mut ingest]).await;
    ingest.stop(TIMEOUT).await.unwrap();
}

/// Creates the topic again, with more records than before in each partition.
async fn replace_topic(fixture: &Fixture) {
    let admin = Admin::new(&fixture.kafka, TIMEOUT).unwrap();
    admin.delete_topic(&fixture.topic).await.unwrap();
    wait_for("end of the topic", async || {
        admin.partition_count(&fixture.topic).await.is_ok_and(|count| count.is_none())
    })
    .await;
    admin.ensure_topic(&fixture.topic, PARTITIONS, 1, &[]).await.unwrap();
    fixture.produce(OLD..OLD + NEW).await;
}

async fn positions(fixture: &Fixture) -> spanbridge_verify::positions::Positions {
    spanbridge_verify::positions::read(&fixture.database, &fixture.pipeline(Service::Ingest)).await.unwrap()
}

async fn wait_for_failure(ingest: &mut WorkerProcess) -> String {
    wait_for("exit of the worker", async || !matches!(ingest.exit_status(), Ok(None))).await;
    assert!(!ingest.exit_status().unwrap().unwrap().success());
    ingest.log_tail()
}

#[tokio::test]
async fn replaced_topic_stops_the_worker() {
    let fixture = Fixture::new(testbed().await).await;
    apply_first_log(&fixture).await;
    let before = positions(&fixture).await;
    replace_topic(&fixture).await;
    let log = wait_for_failure(&mut fixture.start(Service::Ingest, "after")).await;
    assert!(
        log.contains("SB-INGEST-LOG-REPLACED") && log.contains("another log has taken its place"),
        "{log}"
    );
    assert_eq!(before, positions(&fixture).await, "no record is skipped silently");
}

#[tokio::test]
async fn replaced_topic_is_applied_from_its_start() {
    let testbed = testbed().await;
    let choices = FixtureOptions { ingest: "on_gap = \"skip\"", ..FixtureOptions::default() };
    let fixture = Fixture::with(testbed.kafka().unwrap(), testbed.spanner().unwrap(), testbed, choices).await;
    apply_first_log(&fixture).await;
    let before = positions(&fixture).await;
    replace_topic(&fixture).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "after").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let label = format!("pipeline=\"{}\"", fixture.pipeline(Service::Ingest));
    let metrics = ingest.metrics().await.unwrap();
    assert_eq!(metrics.sum("spanbridge_ingest_records_total", &[&label]), NEW as f64);
    assert_eq!(metrics.sum("spanbridge_ingest_gaps_total", &[&label]), f64::from(PARTITIONS));

    let columns = [("FromOffset", Type::Int64), ("ToOffset", Type::Int64), ("Kind", Type::String)]
        .map(|(name, ty)| (name.to_owned(), ty));
    let pipeline = vec![fixture.pipeline(Service::Ingest).into()];
    let gaps = fixture.database.read_prefix("BridgeGaps", &columns, pipeline).await.unwrap();
    let expected: BTreeSet<_> = before.values().flatten().copied().collect();
    let found: BTreeSet<_> = gaps
        .iter()
        .map(|row| match &row[..] {
            [Value::Int64(from), Value::Int64(0), Value::String(kind)] if kind == "replaced" => *from,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((found, gaps.len()), (expected, PARTITIONS as usize));

    // The log is the same one after a restart.
    ingest.stop(TIMEOUT).await.unwrap();
    let mut ingest = fixture.start_ready(Service::Ingest, "again").await;
    fixture.produce(0..OLD).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    let metrics = ingest.metrics().await.unwrap();
    assert_eq!(metrics.sum("spanbridge_ingest_records_total", &[&label]), OLD as f64);
    assert_eq!(metrics.sum("spanbridge_ingest_gaps_total", &[&label]), 0.0);
}

/// Deletes the positions of both pipelines, as an operator might.
async fn delete_positions(fixture: &Fixture) {
    let key = ["Pipeline", "Topic", "KafkaPartition", "NextOffset", "Revision"];
    let columns = key[1..].iter().zip([Type::String, Type::Int64, Type::Int64, Type::Int64]);
    let columns: Vec<_> = columns.map(|(name, ty)| ((*name).to_owned(), ty)).collect();
    for pipeline in fixture.ingests() {
        let prefix = vec![pipeline.as_str().into()];
        let rows = fixture.database.read_prefix("BridgePositions", &columns, prefix).await.unwrap();
        let rows = rows.into_iter().map(|row| [vec![pipeline.as_str().into()], row].concat());
        let delete = Mutation {
            write: Write::Delete,
            table: "BridgePositions".into(),
            columns: key.map(str::to_owned).into(),
            rows: rows.collect(),
        };
        fixture.database.commit(vec![delete], CommitOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn deleted_position_stops_the_worker() {
    let fixture = Fixture::new(testbed().await).await;
    apply_first_log(&fixture).await;
    delete_positions(&fixture).await;
    let log = wait_for_failure(&mut fixture.start(Service::Ingest, "after")).await;
    assert!(log.contains("SB-INGEST-POSITION-MISSING"), "{log}");
    assert!(positions(&fixture).await.is_empty(), "no position is invented");

    // An operator sets the positions to the end of the log.
    let offsets = Offsets::new(&fixture.kafka).unwrap();
    for pipeline in fixture.ingests() {
        for number in 0..PARTITIONS {
            let at = TopicPartition::new(fixture.topic.as_str(), number);
            let end = offsets.watermarks(&at, TIMEOUT).await.unwrap().end;
            let set = |offset: i64| {
                let (number, offset) = (number.to_string(), offset.to_string());
                let partition = ["--topic", &fixture.topic, "--partition", &number];
                let command = ["positions", "set", "--pipeline", &pipeline, "--offset", &offset, "--yes"];
                fixture.command(&[&command[..], &partition[..]].concat())
            };
            let output = set(end + 1);
            assert!(String::from_utf8_lossy(&output.stderr).contains("SB-POSITIONS-SET"), "{output:?}");
            let output = set(end);
            assert!(output.status.success(), "{output:?}");
        }
    }
    let mut ingest = fixture.start_ready(Service::Ingest, "repaired").await;
    fixture.produce(OLD..2 * OLD).await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
}
