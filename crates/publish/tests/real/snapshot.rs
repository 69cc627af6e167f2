//! A pipeline that begins with the rows that are there: each once, then each change behind them, through crashes
//! amid the snapshot and at the step from rows to changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_spanner::CommitOptions;
use tokio::sync::watch;

use crate::topic::{self, Read};
use crate::worker::Worker;
use crate::world::World;

const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Region STRING(MAX) NOT NULL, Id INT64 NOT NULL, V INT64) PRIMARY KEY (Region, Id DESC)",
    "CREATE TABLE Small (Id INT64 NOT NULL, Note STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR ALL",
];
const PIPELINE: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nshards = 2\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n\
    transaction = { max_records = 50, max_wait = \"20ms\" }\n";
const COLUMNS: [&str; 3] = ["Region", "Id", "V"];
const ROWS: i64 = 2000;

/// What a record tells of a row: operation, V, and when.
type Told = (String, Option<i64>, i64);

fn key(number: i64) -> (String, i64) {
    (format!("r{}", number % 3), number)
}

fn nanos(at: Timestamp) -> i64 {
    at.timestamp_nanos_opt().unwrap()
}

async fn fill(world: &World) {
    let columns: Arc<[String]> = COLUMNS.map(str::to_owned).into();
    let all: Vec<i64> = (0..ROWS).collect();
    for numbers in all.chunks(500) {
        let row = |number: &i64| vec![key(*number).0.into(), Value::Int64(*number), Value::Int64(0)];
        let rows = numbers.iter().map(row).collect();
        let insert =
            Mutation { write: Write::Insert, table: "Orders".into(), columns: columns.clone(), rows };
        world.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    }
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
}

/// Updates and deletes rows all over the table until told to stop; every change by key, in commit order.
async fn write(world: &World, stop: watch::Receiver<bool>) -> BTreeMap<(String, i64), Vec<Told>> {
    let mut written: BTreeMap<_, Vec<Told>> = BTreeMap::new();
    let mut step = 0;
    while !*stop.borrow() {
        step += 1;
        let number = (step * 37) % ROWS;
        let (region, id) = key(number);
        let row = vec![region.as_str().into(), id.into(), step.into()];
        let told = if step % 5 == 0 {
            let gone = world.write(Write::Delete, "Orders", &COLUMNS[..2], row[..2].to_vec()).await;
            ("d".to_owned(), None, nanos(gone))
        } else {
            let at = world.write(Write::Upsert, "Orders", &COLUMNS, row).await;
            ("u".to_owned(), Some(step), nanos(at))
        };
        written.entry((region, id)).or_default().push(told);
    }
    written
}

/// What the records tell of each row, in their order.
fn told(records: &[Read]) -> BTreeMap<(String, i64), Vec<Told>> {
    let mut told: BTreeMap<_, Vec<Told>> = BTreeMap::new();
    for Read { key, value, timestamp_ms } in records.iter().filter(|record| !record.value.is_null()) {
        let key = (key["Region"].as_str().unwrap().to_owned(), key["Id"].as_i64().unwrap());
        let (op, source) = (value["op"].as_str().unwrap(), &value["source"]);
        assert_eq!(source["snapshot"], if op == "r" { "true" } else { "false" });
        let at = source["ts_ns"].as_i64().unwrap();
        assert_eq!(*timestamp_ms, at / 1_000_000);
        // An insert of a row that was deleted before is an update to what the test has written.
        let op = if op == "c" { "u" } else { op };
        told.entry(key).or_default().push((op.to_owned(), value["after"]["V"].as_i64(), at));
    }
    told
}

/// Each row as of the snapshot, then each change behind it.
fn expected(written: &BTreeMap<(String, i64), Vec<Told>>, at: i64) -> BTreeMap<(String, i64), Vec<Told>> {
    let mut expected = BTreeMap::new();
    for key in (0..ROWS).map(key) {
        let changes = written.get(&key).cloned().unwrap_or_default();
        let (held, behind): (Vec<Told>, Vec<Told>) = changes.into_iter().partition(|(.., then)| *then <= at);
        let v = held.last().map_or(Some(0), |(_, v, _)| *v);
        let row = v.map(|v| ("r".to_owned(), Some(v), at));
        // To delete what is not there is no change.
        let mut there = row.is_some();
        let behind = behind.into_iter().filter(|(op, ..)| {
            let changes = op != "d" || there;
            there = op != "d";
            changes
        });
        let all: Vec<Told> = row.into_iter().chain(behind).collect();
        if !all.is_empty() {
            expected.insert(key, all);
        }
    }
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_is_there_once_and_every_change_behind_it() {
    let world = World::new(&DDL).await;
    fill(&world).await;
    let (config, topic) = (world.config(PIPELINE), world.topic("Orders"));
    let (stop, stopped) = watch::channel(false);
    let life = async {
        for rows in [1, 600, 1200] {
            let worker = Worker::start(&world, &config);
            topic::await_count(&world, &topic, rows).await;
            worker.drop_dead().await;
        }
        // The step from rows to changes.
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, usize::try_from(ROWS).unwrap() - 100).await;
        worker.drop_dead().await;
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, usize::try_from(ROWS).unwrap() + 100).await;
        stop.send(true).unwrap();
        worker
    };
    let (written, worker) = tokio::join!(write(&world, stopped), life);

    let records = topic::read(&world, &topic).await;
    let at = told(&records).values().flatten().find(|(op, ..)| op == "r").unwrap().2;
    let expected = expected(&written, at);
    let deletions = expected.values().flatten().filter(|(op, ..)| op == "d").count();
    let count = expected.values().flatten().count() + deletions;
    topic::await_count(&world, &topic, count).await;
    worker.stop().await;
    // The emulator's tokens do not descend from each other: between strangers there is no order.
    let mut found = told(&topic::read(&world, &topic).await);
    for told in found.values_mut() {
        assert!(told.iter().skip(1).all(|(op, ..)| op != "r"), "a row behind a change");
        told.sort_by_key(|(.., at)| *at);
    }
    assert!(found == expected, "{:?}", found.iter().zip(&expected).find(|(one, other)| one != other));
    let small = topic::read(&world, &world.topic("Small")).await;
    assert_eq!(small.len(), 1, "{small:?}");
    assert_eq!(small[0].value["op"], "r");
}
