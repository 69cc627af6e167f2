//! Snapshots of tables with keys of several types, in both dialects: a snapshot that is interrupted at any key resumes
//! there and publishes each row once.

use std::collections::BTreeSet;
use std::sync::Arc;

use spanbridge_kafka::Admin;
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::publish::{InitialSnapshot, Origin, RangeId, SnapshotRange, StateKey, StateValue};
use spanbridge_protocol::value::Value;
use spanbridge_publish::ErrorKind;
use spanbridge_spanner::{CommitOptions, encode_column};

use crate::column_types::{date, numeric, time};
use crate::state_topic;
use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const LINES: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nkey = { format = \"json\" }\n\
    value = { format = \"json\" }\nenvelope = \"row\"\nshards = 1\ncreate_topics = { partitions = 1, replication_factor = 1 }\n\
    transaction = { max_records = 1, max_wait = \"20ms\" }\n";
const STREAM: &str = "CREATE CHANGE STREAM Stream FOR ALL OPTIONS (value_capture_type = 'NEW_ROW')";
const COLUMNS: [&str; 9] = ["s", "i", "t", "d", "y", "b", "f", "n", "pad"];
const ROWS: usize = 900;
/// The length of a row. A page of 1 MiB holds about 100 rows.
const PADDING: usize = 10_000;

/// The number of values of each key column; the combinations identify the rows.
const VALUE_COUNTS: [usize; 8] = [4, 3, 3, 3, 2, 2, 5, 3];

/// The values of a key column. Only GoogleSQL allows NULL and NaN in keys.
fn values(column: usize, google: bool) -> Vec<Value> {
    let or = |googlesql: Value, other: Value| if google { googlesql } else { other };
    match column {
        0 => vec![or(Value::Null, "a".into()), "".into(), "k\"\u{1f980}".into(), "[1]".into()],
        1 => vec![i64::MIN.into(), i64::MAX.into(), or(Value::Null, 0.into())],
        2 => vec![
            time("0001-01-01T00:00:00Z"),
            time("2024-01-01T00:00:00.000000001Z"),
            or(Value::Null, time("9999-12-31T23:59:59.999999999Z")),
        ],
        3 => vec![date("0001-01-01"), date("2024-02-29"), or(Value::Null, date("9999-12-31"))],
        4 => vec![Value::Bytes(Vec::new()), Value::Bytes(vec![0, 255])],
        5 => vec![false.into(), true.into()],
        6 => vec![
            or(f64::NAN.into(), 5e-324.into()),
            f64::NEG_INFINITY.into(),
            (0.1 + 0.2).into(),
            f64::MAX.into(),
            f64::INFINITY.into(),
        ],
        _ if google => {
            vec![numeric("-99999999999999999999999999999.999999999"), numeric("0.000000001"), numeric("1.5")]
        }
        _ => vec![1.into(), 2.into(), 3.into()],
    }
}

/// Creates a table whose key has all these columns, and inserts rows with all their values. PostgreSQL keys have no sort
/// order of their own.
async fn keyed_table(google: bool) -> World {
    let world = if google {
        let table = "CREATE TABLE keyed (s STRING(MAX), i INT64, t TIMESTAMP, d DATE, y BYTES(MAX), b BOOL, f FLOAT64, \
            n NUMERIC, pad STRING(MAX)) PRIMARY KEY (s DESC, i DESC, t, d DESC, y, b DESC, f DESC, n)";
        World::new(&[table, STREAM]).await
    } else {
        let table = "CREATE TABLE keyed (s text, i bigint, t timestamptz, d date, y bytea, b boolean, \
            f double precision, n bigint, pad text, PRIMARY KEY (s, i, t, d, y, b, f, n))";
        let stream = "CREATE CHANGE STREAM \"Stream\" FOR ALL WITH (value_capture_type = 'NEW_ROW')";
        World::postgres(&[table, stream]).await
    };
    let values: Vec<Vec<Value>> = (0..VALUE_COUNTS.len()).map(|column| values(column, google)).collect();
    let all: usize = VALUE_COUNTS.iter().product();
    let row = |number: usize| {
        let mut rest = number * (all / ROWS);
        let key = values.iter().map(|values| {
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            value
        });
        key.chain([Value::String("p".repeat(PADDING))]).collect()
    };
    let (rows, columns): (Vec<Vec<Value>>, Arc<[String]>) =
        ((0..ROWS).map(row).collect(), COLUMNS.map(str::to_owned).into());
    for rows in rows.chunks(100) {
        let (columns, rows) = (columns.clone(), rows.to_vec());
        let insert = Mutation { write: Write::Insert, table: "keyed".into(), columns, rows };
        world.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    }
    world
}

/// Waits for all rows, stops the worker, and asserts that each row is published once.
async fn check_each_row_once(world: &World, worker: Worker) {
    let topic = world.topic("keyed");
    topic::await_count(world, &topic, ROWS).await;
    worker.stop().await;
    let records = topic::records(world, &topic).await;
    let keys: BTreeSet<_> = records.iter().map(|record| record.key.clone().unwrap()).collect();
    assert_eq!((records.len(), keys.len()), (ROWS, ROWS), "each row once");
}

async fn check_crashes(world: World) {
    let (config, topic) = (world.config(LINES), world.topic("keyed"));
    // Create the topic, so that the first record is read as soon as it is published.
    Admin::new(&world.kafka, LIMIT).unwrap().ensure_topic(&topic, 1, 1, &[]).await.unwrap();
    for least in [1, ROWS / 8, ROWS / 4] {
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, least).await;
        worker.crash().await;
    }
    check_each_row_once(&world, Worker::start(&world, &config)).await;
    let origin = state_topic::origin(&world, &config).await;
    assert_eq!(origin.snapshot.unwrap().ranges, 4, "the ranges of one shard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_between_keys_loses_and_repeats_no_row() {
    check_crashes(keyed_table(true).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_between_postgresql_keys_loses_and_repeats_no_row() {
    check_crashes(keyed_table(false).await).await;
}

/// Writes the progress of a snapshot with a range between every seven keys, and asserts that a worker resumes it.
async fn check_resumption(world: World) {
    let config = world.config(&LINES.replace("max_records = 1,", "max_records = 100,"));
    let at = world.database.now().await.unwrap();
    let table = world.database.table("keyed").await.unwrap().unwrap();
    let key: Vec<_> =
        table.key().into_iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
    let rows = world.database.read_all("keyed", &key, Some(at)).await.unwrap();
    let text = |row: &Vec<Value>| {
        let values: Vec<_> = row.iter().map(|value| encode_column(value).unwrap()).collect();
        Some(Arc::<str>::from(serde_json::to_string(&values).unwrap()))
    };
    let mut after = None;
    let ends = rows.iter().skip(6).step_by(7).map(text).chain([None]);
    let ranges = ends.map(|through| {
        let after = std::mem::replace(&mut after, through.clone());
        StateValue::Range(SnapshotRange { table: "keyed".into(), at, after, through, rows: 0 })
    });
    let mut records: Vec<_> = (0..).map(|id| StateKey::Range(RangeId(id))).zip(ranges).collect();
    let snapshot = Some(InitialSnapshot { at, ranges: records.len().try_into().unwrap() });
    let origin = Origin { start: at, shards: 1, change_stream: "Stream".into(), snapshot };
    records.insert(0, (StateKey::Origin, StateValue::Origin(origin)));
    state_topic::write(&world, &config, records).await;
    check_each_row_once(&world, Worker::start(&world, &config)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_resumes_at_any_key() {
    check_resumption(keyed_table(true).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_resumes_at_any_postgresql_key() {
    check_resumption(keyed_table(false).await).await;
}

/// The tables have a generated key and a key in a named schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_with_generated_keys_are_read() {
    let world = World::new(&[
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.T (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id DESC)",
        "CREATE TABLE Made (Id INT64 NOT NULL, V INT64, K INT64 AS (Id + 1) STORED) PRIMARY KEY (K)",
        STREAM,
    ])
    .await;
    for table in ["shop.T", "Made"] {
        world.write(Write::Insert, table, &["Id", "V"], vec![7.into(), 8.into()]).await;
    }
    let worker = Worker::start(&world, &world.config(LINES));
    for (table, key) in [("shop.T", "{\"Id\":7}"), ("Made", "{\"K\":8}")] {
        topic::await_count(&world, &world.topic(table), 1).await;
        let published = topic::records(&world, &world.topic(table)).await.remove(0).key.unwrap();
        assert_eq!(String::from_utf8(published).unwrap(), key, "{table}");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn table_without_key_is_an_error() {
    let world = World::new(&["CREATE TABLE Solo (V INT64) PRIMARY KEY ()", STREAM]).await;
    let error = Worker::start(&world, &world.config(LINES)).error().await;
    assert_eq!(error.kind(), ErrorKind::Schema, "{error}");
    assert!(error.to_string().contains("table Solo: it has no primary key"), "{error}");
}
