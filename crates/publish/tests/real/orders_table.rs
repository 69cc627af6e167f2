//! A table of orders whose rows change while it is published.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_spanner::CommitOptions;
use tokio::sync::watch;

use crate::topic::DecodedRecord;
use crate::world::World;

pub(crate) const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Region STRING(MAX) NOT NULL, Id INT64 NOT NULL, V INT64) PRIMARY KEY (Region, Id DESC)",
    "CREATE TABLE Small (Id INT64 NOT NULL, Note STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR ALL",
];
pub(crate) const COLUMNS: [&str; 3] = ["Region", "Id", "V"];

pub(crate) type Key = (String, i64);

/// A published row: operation, value of `V`, timestamp in nanoseconds.
pub(crate) type PublishedRow = (String, Option<i64>, i64);

pub(crate) fn key(number: i64) -> Key {
    (format!("r{}", number % 3), number)
}

pub(crate) fn nanos(at: Timestamp) -> i64 {
    at.timestamp_nanos_opt().unwrap()
}

/// Inserts so many orders, and one row into the small table.
pub(crate) async fn fill(world: &World, rows: i64) {
    let columns: Arc<[String]> = COLUMNS.map(str::to_owned).into();
    let all: Vec<i64> = (0..rows).collect();
    for numbers in all.chunks(500) {
        let row = |number: &i64| vec![key(*number).0.into(), Value::Int64(*number), Value::Int64(0)];
        let rows = numbers.iter().map(row).collect();
        let insert =
            Mutation { write: Write::Insert, table: "Orders".into(), columns: columns.clone(), rows };
        world.database.commit(vec![insert], CommitOptions::default()).await.unwrap();
    }
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
}

/// Updates and deletes rows of the whole table until `stop` is true. Returns all changes by key, in commit order.
pub(crate) async fn write(
    world: &World,
    rows: i64,
    stop: watch::Receiver<bool>,
) -> BTreeMap<Key, Vec<PublishedRow>> {
    let mut written: BTreeMap<_, Vec<PublishedRow>> = BTreeMap::new();
    let mut step = 0;
    while !*stop.borrow() {
        step += 1;
        let number = (step * 37) % rows;
        let (region, id) = key(number);
        let row = vec![region.as_str().into(), id.into(), step.into()];
        let change = if step % 5 == 0 {
            let at = world.write(Write::Delete, "Orders", &COLUMNS[..2], row[..2].to_vec()).await;
            ("d".to_owned(), None, nanos(at))
        } else {
            let at = world.write(Write::Upsert, "Orders", &COLUMNS, row).await;
            ("u".to_owned(), Some(step), nanos(at))
        };
        written.entry((region, id)).or_default().push(change);
    }
    written
}

/// Returns the published rows by key, in the order of their records.
pub(crate) fn published_rows(records: &[DecodedRecord]) -> BTreeMap<Key, Vec<PublishedRow>> {
    let mut published: BTreeMap<_, Vec<PublishedRow>> = BTreeMap::new();
    for DecodedRecord { key, value, timestamp_ms } in records.iter().filter(|record| !record.value.is_null())
    {
        let key = (key["Region"].as_str().unwrap().to_owned(), key["Id"].as_i64().unwrap());
        let (op, source) = (value["op"].as_str().unwrap(), &value["source"]);
        let snapshot = source["snapshot"].as_str().unwrap();
        assert_eq!(snapshot != "false", op == "r", "{snapshot}");
        let at = source["ts_ns"].as_i64().unwrap();
        assert!(*timestamp_ms >= at / 1_000_000, "the time of the publication");
        // The test writes upserts: an insert of a deleted row counts as an update.
        let op = if op == "c" { "u" } else { op };
        published.entry(key).or_default().push((op.to_owned(), value["after"]["V"].as_i64(), at));
    }
    published
}

/// Returns the writes of a row that have changed something. The deletion of a missing row changes nothing; `exists` says
/// whether the row existed before the writes.
pub(crate) fn effective_writes<'w>(
    mut exists: bool,
    written: impl IntoIterator<Item = &'w PublishedRow>,
) -> impl Iterator<Item = &'w PublishedRow> {
    written.into_iter().filter(move |(op, ..)| {
        let changes = op != "d" || exists;
        exists = op != "d";
        changes
    })
}
