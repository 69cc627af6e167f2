//! Every change once and in order, through stops, crashes, rebalances, splits and merges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use spanbridge_kafka::Admin;
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Timestamp, Value};
use tokio::sync::watch;

use crate::topic::{self, Read};
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

/// Rows whose changes follow each other.
const KEYS: i64 = 20;

/// A committed change as its record must tell it: operation, V after it, commit timestamp.
type Change = (String, Option<i64>, i64);

/// Writes until told to stop; answers every change by key, in the order of their commits.
async fn write(world: &World, stop: watch::Receiver<bool>) -> BTreeMap<i64, Vec<Change>> {
    let mut written: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
    let mut number = 0;
    while !*stop.borrow() {
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

/// What the records tell, by key, in their order; each deletion has its tombstone right behind it.
fn told(records: &[Read]) -> BTreeMap<i64, Vec<Change>> {
    let mut told: BTreeMap<i64, Vec<Change>> = BTreeMap::new();
    let mut deleted = BTreeSet::new();
    for record in records {
        let id = record.key["Id"].as_i64().unwrap();
        if record.value.is_null() {
            assert!(deleted.remove(&id), "a tombstone without a deletion");
            continue;
        }
        assert!(!deleted.contains(&id), "a deletion without its tombstone");
        let op = record.value["op"].as_str().unwrap().to_owned();
        let at = record.value["source"]["ts_ns"].as_i64().unwrap();
        assert_eq!(record.timestamp_ms, at / 1_000_000);
        if op == "d" {
            deleted.insert(id);
        }
        told.entry(id).or_default().push((op, record.value["after"]["V"].as_i64(), at));
    }
    assert!(deleted.is_empty());
    told
}

/// Tokens with a parent that have been started or finished, and those with several parents.
async fn lineage(world: &World) -> (usize, usize) {
    let topic = format!("{}.spanbridge-state", world.pipeline);
    let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in topic::records(world, &topic).await {
        let key: Json = serde_json::from_slice(&record.key.unwrap()).unwrap();
        if let (Some(child), Some(parent)) = (key["note"]["child"].as_str(), key["note"]["parent"].as_str()) {
            parents.entry(child.to_owned()).or_default().insert(parent.to_owned());
        }
    }
    let merges = parents.values().filter(|parents| parents.len() > 1).count();
    (parents.len(), merges)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_there_once_and_in_order() {
    let world = World::new(&DDL).await;
    let config = world.config(PIPELINE);
    let first = Worker::start(&world, &config);
    await_origin(&world).await;

    let (stop, stopped) = watch::channel(false);
    let life = async {
        let pause = || tokio::time::sleep(Duration::from_secs(4));
        pause().await;
        first.stop().await;
        let second = Worker::start(&world, &config);
        pause().await;
        second.drop_dead().await;
        let third = Worker::start(&world, &config);
        pause().await;
        // Shards move while both are at work, and back again.
        let fourth = Worker::start(&world, &config);
        pause().await;
        third.stop().await;
        pause().await;
        crate::world::testbed().await.kafka().unwrap().restart(spanbridge_testbed::Stop::Kill).await.unwrap();
        pause().await;
        crate::world::testbed()
            .await
            .kafka()
            .unwrap()
            .restart(spanbridge_testbed::Stop::Clean)
            .await
            .unwrap();
        pause().await;
        stop.send(true).unwrap();
        fourth
    };
    let (written, last) = tokio::join!(write(&world, stopped), life);

    let changes = written.values().flatten();
    let deletions = changes.clone().filter(|(op, ..)| op == "d").count();
    let count = changes.count();
    assert!(count > 200 && deletions > 5, "{count} changes, {deletions} deletions");
    let records = topic::await_records(&world, &world.topic("Orders"), count + deletions).await;
    {
        let topic = format!("{}.spanbridge-state", world.pipeline);
        let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in topic::records(&world, &topic).await {
            let key: Json = serde_json::from_slice(&record.key.unwrap()).unwrap();
            if let (Some(c), Some(p)) = (key["note"]["child"].as_str(), key["note"]["parent"].as_str()) {
                parents.entry(c.to_owned()).or_default().insert(p.to_owned());
            }
        }
        let mut by_time: Vec<(i64, String)> = records
            .iter()
            .filter(|r| !r.value.is_null())
            .map(|r| {
                (
                    r.value["source"]["ts_ns"].as_i64().unwrap(),
                    r.value["source"]["partition_token"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        by_time.sort();
        let mut last: Option<String> = None;
        let short = |t: &str| t[t.len() - 12..].to_owned();
        for (at, token) in by_time {
            if last.as_ref() != Some(&token) {
                let mut anc: Vec<String> = vec![token.clone()];
                let mut i = 0;
                while i < anc.len() {
                    for p in parents.get(&anc[i]).into_iter().flatten() {
                        if !anc.contains(p) {
                            anc.push(p.clone());
                        }
                    }
                    i += 1;
                }
                let ok = last.as_ref().is_none_or(|l| anc.contains(l));
                eprintln!(
                    "LINEAGE {at} {} parents {:?} from-ancestor {ok}",
                    short(&token),
                    parents.get(&token).map(|p| p.iter().map(|t| short(t)).collect::<Vec<_>>())
                );
                last = Some(token);
            }
        }
    }
    assert_eq!(told(&records), written);
    last.stop().await;
    assert_eq!(told(&topic::read(&world, &world.topic("Orders")).await), written, "after the end");

    let (children, merges) = lineage(&world).await;
    assert!(children > 4 && merges > 0, "{children} children, {merges} merges");
    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    assert_eq!(admin.partitions(&world.topic("Other")).await.unwrap(), None);
}

/// A pipeline that starts now has no changes from before its origin.
async fn await_origin(world: &World) {
    let (topic, end) = (format!("{}.spanbridge-state", world.pipeline), Instant::now() + LIMIT);
    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    loop {
        if admin.partitions(&topic).await.unwrap().is_some() {
            let records = topic::records(world, &topic).await;
            if records.iter().any(|record| record.key.as_deref() == Some(b"\"origin\"")) {
                return;
            }
        }
        assert!(Instant::now() < end, "no origin after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
