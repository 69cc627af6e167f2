//! The invariants that tests check at their end.

use std::collections::BTreeSet;

use spanbridge_kafka::{Offsets, Reader, TopicPartition};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_verify::exactly_once::{ChangeDifference, find_order_violations};
use spanbridge_verify::rows::{self, RowDifference, truncate_to_seconds};
use spanbridge_verify::{oracle, positions, published};

use super::fixture::{Fixture, PARTITIONS, TIMEOUT, wait_for};
use super::orders::fold;

/// Waits until both services have processed everything, and checks both invariants.
pub(crate) async fn check(fixture: &Fixture, workers: &mut [&mut WorkerProcess]) {
    wait_until_drained(fixture, workers).await;
    spanner_equals_the_fold(fixture).await;
    each_change_exactly_once(fixture, workers).await;
}

/// Waits until every position is at the end of its partition.
pub(crate) async fn wait_until_drained(fixture: &Fixture, workers: &mut [&mut WorkerProcess]) {
    let end = std::time::Instant::now() + TIMEOUT;
    loop {
        let ends = ends(fixture).await;
        let mut stored = Vec::new();
        for pipeline in fixture.ingests() {
            stored.push(positions::read(&fixture.database, &pipeline).await.unwrap());
        }
        let at_end = |(partition, end): (usize, &i64)| {
            let key = (fixture.topic.clone(), i64::try_from(partition).unwrap());
            stored.iter().all(|stored| stored.get(&key).map(Vec::as_slice) == Some(&[*end][..]))
        };
        if ends.iter().enumerate().all(at_end) {
            return;
        }
        for worker in workers.iter_mut() {
            worker.check_running().unwrap();
        }
        if std::time::Instant::now() > end {
            let logs: Vec<_> = workers.iter().map(|worker| worker.log_tail()).collect();
            panic!("positions {stored:?} do not reach {ends:?}; {}", logs.join("\n"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn ends(fixture: &Fixture) -> Vec<i64> {
    let offsets = Offsets::new(&fixture.kafka).unwrap();
    let mut ends = Vec::new();
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(fixture.topic.as_str(), partition);
        let mut end = None;
        wait_for("the end of a partition", async || {
            // A broker that has just restarted does not know its partitions yet.
            end = offsets.watermarks(&at, TIMEOUT).await.ok().map(|range| range.end);
            end.is_some()
        })
        .await;
        ends.extend(end);
    }
    ends
}

/// Checks the first invariant: Spanner equals the fold of the whole log.
pub(crate) async fn spanner_equals_the_fold(fixture: &Fixture) {
    let reader = Reader::new(&fixture.kafka, TIMEOUT).unwrap();
    let expected = fold(&reader.read_to_end(&fixture.topic).await.unwrap(), fixture.schema.0);
    let two = [("Orders", &expected.orders), ("Totals", &expected.totals)];
    for (name, expected) in two.into_iter().chain(expected.modes.iter().map(|(name, rows)| (*name, rows))) {
        let table = fixture.database.table(name).await.unwrap().unwrap();
        let found = rows::read(&fixture.database, &table).await.unwrap();
        let difference = RowDifference::between(expected, &found);
        assert!(difference.is_empty(), "{name}, {} rows expected: {difference:?}", expected.len());
    }
    for pipeline in fixture.ingests() {
        let dead_letters = dead_letters_of(fixture, &pipeline).await;
        assert_eq!(dead_letters, expected.dead_letters, "{pipeline}: dead letters by partition and offset");
    }
}

/// Returns the partitions and offsets of the dead letters.
pub(crate) async fn dead_letters(fixture: &Fixture) -> Vec<(i64, i64)> {
    dead_letters_of(fixture, &fixture.pipeline(Service::Ingest)).await
}

async fn dead_letters_of(fixture: &Fixture, pipeline: &str) -> Vec<(i64, i64)> {
    let columns = ["KafkaPartition", "KafkaOffset"].map(|name| (name.to_owned(), Type::Int64));
    let prefix = vec![pipeline.into()];
    let rows = fixture.database.read_prefix("BridgeDeadLetters", &columns, prefix).await.unwrap();
    let int = |value: &Value| match value {
        Value::Int64(value) => *value,
        other => panic!("{other:?}"),
    };
    rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect()
}

/// Checks the second invariant: the topics contain each change of the stream exactly once, in order.
pub(crate) async fn each_change_exactly_once(fixture: &Fixture, workers: &mut [&mut WorkerProcess]) {
    let now = fixture.database.now().await.unwrap();
    let happened = oracle::read(&fixture.database, "OrdersStream", fixture.start, now).await.unwrap();
    assert!(!happened.changes.is_empty(), "the change stream has changes");
    for name in ["Orders", "Totals"] {
        let table = fixture.database.table(name).await.unwrap().unwrap();
        let topic = format!("{}.{name}", fixture.pipeline(Service::Publish));
        let ids: BTreeSet<_> = happened
            .changes
            .iter()
            .filter(|change| change.id.table == name)
            .map(|change| &change.id)
            .collect();
        let end = std::time::Instant::now() + TIMEOUT;
        let events = loop {
            let events = match published::read(&fixture.kafka, &fixture.registry, &topic, &table).await {
                Ok(events) => events,
                // Publish has not created the topic yet, or a broker is restarting.
                Err(error) if std::time::Instant::now() < end => {
                    println!("{topic}: {error}");
                    Vec::new()
                }
                Err(error) => panic!("{topic}: {error}"),
            };
            let changes = events.iter().filter(|event| event.change.is_some()).count();
            if changes >= ids.len() {
                break events;
            }
            for worker in workers.iter_mut() {
                worker.check_running().unwrap();
            }
            if std::time::Instant::now() > end {
                let logs: Vec<_> = workers.iter().map(|worker| worker.log_tail()).collect();
                panic!("{topic}: {changes} of {} changes; {}", ids.len(), logs.join("\n"));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        let published = events.iter().filter_map(|event| event.change.as_ref()).map(|change| &change.id);
        let difference = ChangeDifference::between(ids, published);
        assert!(difference.is_empty(), "{topic}: {difference:?}");
        assert_eq!(find_order_violations(&events, &happened.ancestry), [], "{topic}");
        let rows = truncate_to_seconds(rows::read(&fixture.database, &table).await.unwrap());
        let difference = RowDifference::between(&rows, &rows::fold(&events));
        assert!(difference.is_empty(), "{topic} folded per key: {difference:?}");
    }
}
