//! What every test ends with.

use std::collections::BTreeSet;

use spanbridge_kafka::{Offsets, Reader, TopicPartition};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_verify::exactly_once::{ChangeDifference, find_order_violations};
use spanbridge_verify::rows::{self, RowDifference, truncate_to_seconds};
use spanbridge_verify::{oracle, positions, published};

use super::orders::fold;
use super::world::{LIMIT, PARTITIONS, World};

/// Waits until both services have nothing left to do, and checks both invariants.
pub(crate) async fn check(world: &World, workers: &mut [&mut WorkerProcess]) {
    drained(world, workers).await;
    spanner_equals_the_fold(world).await;
    each_change_exactly_once(world, workers).await;
}

/// Waits until every position is at the end of its partition.
pub(crate) async fn drained(world: &World, workers: &mut [&mut WorkerProcess]) {
    let end = std::time::Instant::now() + LIMIT;
    loop {
        let ends = ends(world).await;
        let mut stored = Vec::new();
        for pipeline in world.ingests() {
            stored.push(positions::read(&world.database, &pipeline).await.unwrap());
        }
        let at_end = |(partition, end): (usize, &i64)| {
            let key = (world.topic.clone(), i64::try_from(partition).unwrap());
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

async fn ends(world: &World) -> Vec<i64> {
    let offsets = Offsets::new(&world.kafka).unwrap();
    let mut ends = Vec::new();
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(world.topic.as_str(), partition);
        ends.push(offsets.watermarks(&at, LIMIT).await.unwrap().end);
    }
    ends
}

/// The first invariant, over the whole log.
pub(crate) async fn spanner_equals_the_fold(world: &World) {
    let reader = Reader::new(&world.kafka, LIMIT).unwrap();
    let expected = fold(&reader.read_to_end(&world.topic).await.unwrap(), world.schema.0);
    let two = [("Orders", &expected.orders), ("Totals", &expected.totals)];
    for (name, expected) in two.into_iter().chain(expected.modes.iter().map(|(name, rows)| (*name, rows))) {
        let table = world.database.table(name).await.unwrap().unwrap();
        let found = rows::read(&world.database, &table).await.unwrap();
        let difference = RowDifference::between(expected, &found);
        assert!(difference.is_empty(), "{name}, {} rows expected: {difference:?}", expected.len());
    }
    for pipeline in world.ingests() {
        let letters = letters_of(world, &pipeline).await;
        assert_eq!(letters, expected.letters, "{pipeline}: dead letters by partition and offset");
    }
}

/// The dead letters' partitions and offsets.
pub(crate) async fn letters(world: &World) -> Vec<(i64, i64)> {
    letters_of(world, &world.pipeline(Service::Ingest)).await
}

async fn letters_of(world: &World, pipeline: &str) -> Vec<(i64, i64)> {
    let columns = ["KafkaPartition", "KafkaOffset"].map(|name| (name.to_owned(), Type::Int64));
    let prefix = vec![pipeline.into()];
    let rows = world.database.read_prefix("BridgeDeadLetters", &columns, prefix).await.unwrap();
    let int = |value: &Value| match value {
        Value::Int64(value) => *value,
        other => panic!("{other:?}"),
    };
    rows.iter().map(|row| (int(&row[0]), int(&row[1]))).collect()
}

/// The second invariant. The oracle reads the stream again from its start.
pub(crate) async fn each_change_exactly_once(world: &World, workers: &mut [&mut WorkerProcess]) {
    let now = world.database.now().await.unwrap();
    let happened = oracle::read(&world.database, "OrdersStream", world.start, now).await.unwrap();
    assert!(!happened.changes.is_empty(), "the change stream has changes");
    for name in ["Orders", "Totals"] {
        let table = world.database.table(name).await.unwrap().unwrap();
        let topic = format!("{}.{name}", world.pipeline(Service::Publish));
        let ids: BTreeSet<_> = happened
            .changes
            .iter()
            .filter(|change| change.id.table == name)
            .map(|change| &change.id)
            .collect();
        let end = std::time::Instant::now() + LIMIT;
        let events = loop {
            let events = match published::read(&world.kafka, &world.registry, &topic, &table).await {
                Ok(events) => events,
                // Publish has not created the topic yet, or a broker is coming back.
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
        let rows = truncate_to_seconds(rows::read(&world.database, &table).await.unwrap());
        let difference = RowDifference::between(&rows, &rows::fold(&events));
        assert!(difference.is_empty(), "{topic} folded per key: {difference:?}");
    }
}
