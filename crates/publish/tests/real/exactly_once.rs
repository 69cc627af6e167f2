//! Every change is published once and in order, through stops, crashes, rebalances, splits and merges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use spanbridge_kafka::Admin;
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Timestamp, Value};
use tokio::sync::watch;

use crate::lineage::Lineage;
use crate::topic::{self, DecodedRecord};
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64, Note STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE TABLE Other (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR Orders, Other",
];
const PIPELINE: &str = "change_stream = \"Stream\"\ntables = [\"Orders\"]\nshards = 4\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n\
    transaction = { max_records = 50, max_wait = \"50ms\" }\n";

/// The number of rows that are changed in turns.
const KEYS: i64 = 20;

/// A committed change: operation, new value of `V`, commit timestamp in nanoseconds.
type Change = (String, Option<i64>, i64);

/// The current action of the writer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Write,
    Pause,
    Stop,
}

/// Writes until it is told to stop. Returns all changes by key, in the order of their commits.
async fn write(world: &World, mut pace: watch::Receiver<Pace>) -> BTreeMap<i64, Vec<Change>> {
    let mut written: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
    let mut number = 0;
    while *pace.wait_for(|pace| *pace != Pace::Pause).await.unwrap() == Pace::Write {
        let id = number % KEYS;
        let changes = written.entry(id).or_default();
        let (row, columns) = (vec![id.into(), number.into(), "x".into()], ["Id", "V", "Note"]);
        let (op, v, at) = match changes.last() {
            None => ("c", Some(number), world.write(Write::Insert, "Orders", &columns, row).await),
            Some((op, ..)) if op == "d" => {
                ("c", Some(number), world.write(Write::Insert, "Orders", &columns, row).await)
            }
            Some(_) if number % 7 == 0 => {
                ("d", None, world.write(Write::Delete, "Orders", &["Id"], vec![id.into()]).await)
            }
            Some(_) => ("u", Some(number), world.write(Write::Update, "Orders", &columns, row).await),
        };
        changes.push((op.to_owned(), v, nanos(at)));
        if number % 10 == 0 {
            world.write(Write::Insert, "Other", &["Id"], vec![Value::Int64(number)]).await;
        }
        number += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    written
}

fn nanos(at: Timestamp) -> i64 {
    at.timestamp_nanos_opt().unwrap()
}

/// Returns the published changes by key, in the order of their commits. Asserts that a tombstone follows each deletion.
///
/// The changes of a key must be in order within a token and from parent to child. In Spanner that covers all of them. The
/// emulator writes all changes to one live token, which need not descend from the one before it; changes of unrelated
/// tokens have no order.
fn published_changes(records: &[DecodedRecord], lineage: &Lineage) -> BTreeMap<i64, Vec<Change>> {
    let mut published: BTreeMap<i64, Vec<(Change, String)>> = BTreeMap::new();
    let mut deleted = BTreeSet::new();
    for record in records {
        let id = record.key["Id"].as_i64().unwrap();
        if record.value.is_null() {
            assert!(deleted.remove(&id), "a tombstone without a deletion");
            continue;
        }
        assert!(!deleted.contains(&id), "a deletion without its tombstone");
        let (op, source) = (record.value["op"].as_str().unwrap().to_owned(), &record.value["source"]);
        let (at, token) = (source["ts_ns"].as_i64().unwrap(), source["partition_token"].as_str().unwrap());
        assert!(record.timestamp_ms >= at / 1_000_000, "the time of the publication");
        if op == "d" {
            deleted.insert(id);
        }
        let before = published.entry(id).or_default();
        for ((.., earlier), other) in before.iter() {
            assert!(
                *earlier < at || !lineage.are_related(other, token),
                "key {id}: {at} came after {earlier}"
            );
        }
        before.push(((op, record.value["after"]["V"].as_i64(), at), token.to_owned()));
    }
    assert!(deleted.is_empty());
    let sorted = |changes: Vec<(Change, String)>| {
        let mut changes: Vec<Change> = changes.into_iter().map(|(change, _)| change).collect();
        changes.sort_by_key(|(.., at)| *at);
        changes
    };
    published.into_iter().map(|(id, changes)| (id, sorted(changes))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_published_once_and_in_order() {
    let world = World::new(&DDL).await;
    let config = world.config(PIPELINE);
    let first = Worker::start(&world, &config);
    await_origin(&world).await;

    let (pace, paced) = watch::channel(Pace::Write);
    let workers = async {
        let more = || await_more(&world, 100);
        more().await;
        first.stop().await;
        let second = Worker::start(&world, &config);
        more().await;
        second.crash().await;
        let third = Worker::start(&world, &config);
        more().await;
        // Shards move to the fourth worker, and all of them when the third stops.
        let fourth = Worker::start(&world, &config);
        more().await;
        third.stop().await;
        more().await;
        await_lineage(&world, &pace).await;
        pace.send(Pace::Stop).unwrap();
        fourth
    };
    let (written, last) = tokio::join!(write(&world, paced), workers);

    let changes = written.values().flatten();
    let deletions = changes.clone().filter(|(op, ..)| op == "d").count();
    let count = changes.count();
    assert!(count > 200 && deletions > 5, "{count} changes, {deletions} deletions");
    let records = topic::await_records(&world, &world.topic("Orders"), count + deletions).await;
    assert_eq!(published_changes(&records, &Lineage::read(&world).await), written);
    last.stop().await;
    let (records, lineage) = (topic::read(&world, &world.topic("Orders")).await, Lineage::read(&world).await);
    assert_eq!(published_changes(&records, &lineage), written, "after the stop");

    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    assert_eq!(admin.partition_count(&world.topic("Other")).await.unwrap(), None);
}

/// Waits until the pipeline has its origin. Changes before that are not published.
pub(crate) async fn await_origin(world: &World) {
    let (topic, end) = (format!("{}.spanbridge-state", world.pipeline), Instant::now() + LIMIT);
    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    loop {
        if admin.partition_count(&topic).await.unwrap().is_some() {
            let records = topic::records(world, &topic).await;
            if records.iter().any(|record| record.key.as_deref() == Some(b"\"origin\"")) {
                return;
            }
        }
        assert!(Instant::now() < end, "no origin after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits for so many more records.
async fn await_more(world: &World, count: usize) {
    let topic = world.topic("Orders");
    let before = topic::records(world, &topic).await.len();
    topic::await_records(world, &topic, before + count).await;
}

/// Waits until splits and merges have been published, with changes between them.
///
/// The emulator splits and merges in its own transactions, and aborts them while another transaction runs. So the
/// writer pauses until the next one is done.
async fn await_lineage(world: &World, pace: &watch::Sender<Pace>) {
    loop {
        let (children, merges) = Lineage::read(world).await.counts();
        if children > 4 && merges > 0 {
            return;
        }
        pace.send(Pace::Pause).unwrap();
        let end = Instant::now() + LIMIT;
        while Lineage::read(world).await.counts().0 == children {
            assert!(Instant::now() < end, "{children} children, {merges} merges: none more in {LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        pace.send(Pace::Write).unwrap();
        await_more(world, 20).await;
    }
}
