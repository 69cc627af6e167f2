//! Rows of every type, in both dialects: a snapshot publishes each value as it was written, and in the same form as a
//! change does.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::Value;

use crate::column_types::{self, Dialect, TypedColumn, ValueCase};
use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const LINES: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nkey = { format = \"json\" }\n\
    value = { format = \"json\" }\ncreate_topics = { partitions = 1, replication_factor = 1 }\n";
/// The distance between the ids of a snapshot row and of a changed row with the same values.
const ID_DISTANCE: i64 = 100;

/// Returns enough rows that each value is in one of them, and a row of nulls; each with the expected JSON. Without values
/// it returns no rows.
fn rows<'a>(
    columns: &'a [TypedColumn],
    first: i64,
    values_of: impl Fn(&'a TypedColumn) -> &'a [ValueCase],
) -> Vec<(Vec<Value>, Json)> {
    let most = columns.iter().map(|column| values_of(column).len()).max().unwrap();
    let row = |row: usize| {
        let id = first + i64::try_from(row).unwrap();
        let mut published = serde_json::Map::from_iter([("id".to_owned(), json!(id))]);
        let mut values = vec![Value::Int64(id)];
        for column in columns {
            let cases = values_of(column);
            let case = cases.get(row % cases.len().max(1)).filter(|_| row < most);
            let (value, json) = case.cloned().unwrap_or((Value::Null, Json::Null));
            values.push(value);
            published.insert(column.name.clone(), json);
        }
        (values, Json::Object(published))
    };
    (0..=most).filter(|_| most > 0).map(row).collect()
}

/// The published rows by operation and id.
async fn published(world: &World) -> BTreeMap<(String, i64), Json> {
    let records = topic::records(world, &world.topic("things")).await;
    let values = records.into_iter().filter_map(|record| record.value);
    let values = values.map(|value| serde_json::from_slice::<Json>(&value).unwrap());
    values
        .map(|value| {
            let after = value["after"].clone();
            ((value["op"].as_str().unwrap().to_owned(), after["id"].as_i64().unwrap()), after)
        })
        .collect()
}

async fn check_types(world: World, dialect: Dialect, typed: Vec<TypedColumn>) {
    let columns: Vec<String> = typed.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    let columns = columns.join(", ");
    // Change streams omit generated columns, and so do snapshot rows.
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
    let names: Vec<&str> =
        ["id"].into_iter().chain(typed.iter().map(|column| column.name.as_str())).collect();
    let read = [rows(&typed, 1, |column| &column.values), rows(&typed, 1001, |column| &column.snapshot_only)]
        .concat();
    for (row, _) in &read {
        world.write(Write::Insert, "things", &names, row.clone()).await;
    }
    world.admin.update_ddl(&[stream.to_owned()]).await.unwrap();

    let worker = Worker::start(&world, &world.config(LINES));
    topic::await_count(&world, &world.topic("things"), read.len()).await;
    let changed = rows(&typed, 1 + ID_DISTANCE, |column| &column.values);
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
async fn snapshot_and_change_agree_for_every_type() {
    check_types(World::new(&[]).await, Dialect::Google, column_types::all(Dialect::Google)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_and_change_agree_for_messages_and_enums() {
    let world = World::new(&[]).await;
    let bundle = "CREATE PROTO BUNDLE (t.M, t.E)".to_owned();
    world.admin.update_ddl_with(&[bundle], column_types::descriptors()).await.unwrap();
    check_types(world, Dialect::Google, column_types::messages()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_and_change_agree_for_every_postgresql_type() {
    check_types(World::postgres(&[]).await, Dialect::Postgres, column_types::all(Dialect::Postgres)).await;
}
