//! Rows of every type, in both dialects: what a snapshot makes of a value is what was written, and what a change makes of
//! it.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;

use crate::column_types::{self, Dialect, Kind, Told};
use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const LINES: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nkey = { format = \"json\" }\n\
    value = { format = \"json\" }\ncreate_topics = { partitions = 1, replication_factor = 1 }\n";
/// Between the ids of a row and of one with the same values.
const APART: i64 = 100;

/// So many rows that each value is in one, and one of nulls; with what is published of them. None without a value.
fn rows<'a>(kinds: &'a [Kind], first: i64, told: impl Fn(&'a Kind) -> &'a [Told]) -> Vec<(Vec<Value>, Json)> {
    let most = kinds.iter().map(|kind| told(kind).len()).max().unwrap();
    let row = |row: usize| {
        let id = first + i64::try_from(row).unwrap();
        let mut published = serde_json::Map::from_iter([("id".to_owned(), json!(id))]);
        let mut values = vec![Value::Int64(id)];
        for kind in kinds {
            let told = told(kind);
            let one = told.get(row % told.len().max(1)).filter(|_| row < most);
            let (value, json) = one.cloned().unwrap_or((Value::Null, Json::Null));
            values.push(value);
            published.insert(kind.name.clone(), json);
        }
        (values, Json::Object(published))
    };
    (0..=most).filter(|_| most > 0).map(row).collect()
}

/// The rows, by operation and id.
async fn published(world: &World) -> BTreeMap<(String, i64), Json> {
    let records = topic::records(world, &world.topic("things")).await;
    let told = records.into_iter().filter_map(|record| record.value);
    let told = told.map(|value| serde_json::from_slice::<Json>(&value).unwrap());
    told.map(|told| {
        let after = told["after"].clone();
        ((told["op"].as_str().unwrap().to_owned(), after["id"].as_i64().unwrap()), after)
    })
    .collect()
}

async fn every_type(world: World, dialect: Dialect, kinds: Vec<Kind>) {
    let columns: Vec<String> = kinds.iter().map(|kind| format!("{} {}", kind.name, kind.ty)).collect();
    let columns = columns.join(", ");
    // What Spanner computes, no change tells, and so no row either.
    let (table, stream) = match dialect {
        Dialect::Google => (
            format!(
                "CREATE TABLE things (id INT64 NOT NULL, {columns}, twice INT64 NOT NULL AS (id * 2) STORED,
                 tokens TOKENLIST AS (TOKENIZE_NUMBER(id)) HIDDEN) PRIMARY KEY (id)"
            ),
            "CREATE CHANGE STREAM Stream FOR ALL",
        ),
        Dialect::Postgres => (
            format!(
                "CREATE TABLE things (id bigint PRIMARY KEY, {columns},
                 twice bigint NOT NULL GENERATED ALWAYS AS (id * 2) STORED)"
            ),
            "CREATE CHANGE STREAM \"Stream\" FOR ALL",
        ),
    };
    world.admin.update_ddl(&[table]).await.unwrap();
    let names: Vec<&str> = ["id"].into_iter().chain(kinds.iter().map(|kind| kind.name.as_str())).collect();
    let read = [rows(&kinds, 1, |kind| &kind.values), rows(&kinds, 1001, |kind| &kind.unwatched)].concat();
    for (row, _) in &read {
        world.write(Write::Insert, "things", &names, row.clone()).await;
    }
    world.admin.update_ddl(&[stream.to_owned()]).await.unwrap();

    let worker = Worker::start(&world, &world.config(LINES));
    topic::await_count(&world, &world.topic("things"), read.len()).await;
    let changed = rows(&kinds, 1 + APART, |kind| &kind.values);
    for (row, _) in &changed {
        world.write(Write::Insert, "things", &names, row.clone()).await;
    }
    topic::await_count(&world, &world.topic("things"), read.len() + changed.len()).await;
    worker.stop().await;

    let published = published(&world).await;
    let expected = read.into_iter().map(|row| ("r", row)).chain(changed.into_iter().map(|row| ("c", row)));
    let expected: BTreeMap<_, _> =
        expected.map(|(op, (_, json))| ((op.to_owned(), json["id"].as_i64().unwrap()), json)).collect();
    assert_eq!(published.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (row, expected) in expected {
        for (column, expected) in expected.as_object().unwrap() {
            assert_eq!(published[&row][column], *expected, "{column} of {row:?}");
        }
        assert_eq!(published[&row].as_object().unwrap().len(), names.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_type_are_read_as_changes_tell_them() {
    every_type(World::new(&[]).await, Dialect::Google, column_types::all(Dialect::Google)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_and_enums_are_read_as_they_were_written() {
    let world = World::new(&[]).await;
    let bundle = "CREATE PROTO BUNDLE (t.M, t.E)".to_owned();
    world.admin.update_ddl_with(&[bundle], column_types::descriptors()).await.unwrap();
    every_type(world, Dialect::Google, column_types::messages()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_type_of_postgresql_are_read_as_changes_tell_them() {
    every_type(World::postgres(&[]).await, Dialect::Postgres, column_types::all(Dialect::Postgres)).await;
}
