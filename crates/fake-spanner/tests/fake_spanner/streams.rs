//! Change streams: the contents of records, splits and merges of partitions, and the comparison with the emulator.

use std::time::Duration;

use spanbridge_fake_spanner::{ChangeStreamControl, FakeSpanner};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_spanner::{
    ChangeRecord, Changes, CommitOptions, DataChange, Database, ErrorKind, ModType, ValueCaptureType,
    WatchedTables,
};

use crate::support::{NAME, PLAIN, mutation, options};

const DDL: [&str; 4] = [
    "CREATE TABLE A (Id INT64 NOT NULL, V INT64, S STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE TABLE B (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Changes FOR A, B OPTIONS (allow_txn_exclusion = true)",
    "CREATE CHANGE STREAM Part FOR A(V) OPTIONS (value_capture_type = 'NEW_ROW', retention_period = '7d')",
];
const HEARTBEAT: Duration = Duration::from_secs(1);

struct World {
    fake_spanner: FakeSpanner,
    database: Database,
    changes: ChangeStreamControl,
    start: Timestamp,
}

async fn world() -> World {
    let fake_spanner = FakeSpanner::builder().database(NAME, &DDL).start().await.unwrap();
    let database = Database::connect(&options(&fake_spanner)).await.unwrap();
    let changes = fake_spanner.change_stream(NAME, "changes").unwrap();
    let start = database.now().await.unwrap();
    World { fake_spanner, database, changes, start }
}

impl World {
    fn query(&self, token: &str) -> Changes {
        self.database.changes("Changes", Some(token), self.start, None, HEARTBEAT)
    }

    async fn root(&self) -> String {
        let [(token, parents)] = <[_; 1]>::try_from(self.tokens(None, self.start).await).unwrap();
        assert!(parents.is_empty());
        token
    }

    /// Returns the children that a query reports before it ends.
    async fn tokens(&self, token: Option<&str>, start: Timestamp) -> Vec<(String, Vec<String>)> {
        let mut changes = self.database.changes("Changes", token, start, None, HEARTBEAT);
        let mut tokens = Vec::new();
        while let Some(record) = changes.next().await {
            if let ChangeRecord::Children(children) = record.unwrap() {
                tokens.extend(children.children.into_iter().map(|child| (child.token, child.parents)));
            }
        }
        tokens
    }

    async fn commit(&self, mutations: Vec<Mutation>, tag: &str, exclude: bool) -> Timestamp {
        let options = CommitOptions { tag: Some(tag), exclude, ..CommitOptions::default() };
        self.database.commit(mutations, options).await.unwrap().timestamp
    }
}

fn rows(write: Write, table: &str, ids: std::ops::Range<i64>, v: i64) -> Mutation {
    mutation(write, table, &["Id", "V"], ids.map(|id| vec![id.into(), v.into()]).collect())
}

async fn data(changes: &mut Changes) -> DataChange {
    loop {
        match changes.next().await.unwrap().unwrap() {
            ChangeRecord::Data(change) => return change,
            ChangeRecord::Heartbeat(_) => {}
            ChangeRecord::Children(children) => panic!("{children:?}"),
        }
    }
}

#[tokio::test]
async fn streams_are_described() {
    let world = world().await;
    let all = world.database.change_stream("CHANGES").await.unwrap().unwrap();
    assert_eq!((all.name.as_str(), all.retention), ("Changes", Duration::from_secs(24 * 3600)));
    assert_eq!(all.watched, WatchedTables::Tables(vec!["A".to_owned(), "B".to_owned()]));
    let part = world.database.change_stream("Part").await.unwrap().unwrap();
    assert_eq!(part.value_capture_type, ValueCaptureType::NewRow);
    assert!(part.columns["A"].contains("V") && part.columns["A"].len() == 1);
    assert_eq!(world.database.change_stream("Nope").await.unwrap(), None);
}

#[tokio::test]
async fn record_contains_change_and_tag() {
    let world = world().await;
    let mut query = world.query(&world.root().await);
    let row = vec![1.into(), 5.into(), "s".into()];
    let insert = mutation(Write::Insert, "A", &["Id", "V", "S"], vec![row]);
    let at = world.commit(vec![insert], "a-tag", false).await;
    let first = data(&mut query).await;
    assert_eq!((first.commit_timestamp, first.mod_type), (at, ModType::Insert));
    assert_eq!((first.transaction_tag.as_str(), first.table_name.as_str()), ("a-tag", "A"));
    let values = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(values(&first.mods[0].keys), serde_json::json!({"Id": "1"}));
    assert_eq!(values(&first.mods[0].new_values), serde_json::json!({"V": "5", "S": "s"}));
    world.commit(vec![rows(Write::Update, "A", 1..2, 6)], "", false).await;
    let second = data(&mut query).await;
    let names: Vec<&str> = second.column_types.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["Id", "V"], "the changed columns alone");
    assert_eq!(second.column_types[1].ty, Some(Type::Int64));
    assert_eq!(values(&second.mods[0].new_values), serde_json::json!({"V": "6"}));
    assert_eq!(values(&second.mods[0].old_values), serde_json::json!({"V": "5"}));
    world.commit(vec![mutation(Write::Delete, "A", &["Id"], vec![vec![1.into()]])], "", false).await;
    let third = data(&mut query).await;
    assert_eq!(third.mod_type, ModType::Delete);
    assert_eq!(values(&third.mods[0].old_values), serde_json::json!({"V": "6", "S": "s"}));
}

#[tokio::test]
async fn a_transaction_is_split_over_partitions_tables_and_records() {
    let world = world().await;
    let tokens = world.changes.split(&world.root().await, 4).unwrap();
    world.changes.set_most_mods(3).unwrap();
    let both = vec![rows(Write::Insert, "A", 0..40, 1), rows(Write::Insert, "B", 0..40, 1)];
    world.commit(both, "", false).await;
    let (mut records, mut mods) = (Vec::new(), 0);
    for token in &tokens {
        let mut query = world.query(token);
        loop {
            let record = data(&mut query).await;
            assert!(record.mods.len() <= 3);
            mods += record.mods.len();
            let last = record.is_last_record_in_transaction_in_partition;
            records.push(record);
            if last {
                break;
            }
        }
    }
    assert_eq!(mods, 80);
    let count = i64::try_from(records.len()).unwrap();
    let totals = (count, 4);
    assert!(records.iter().all(|record| {
        (record.number_of_records_in_transaction, record.number_of_partitions_in_transaction) == totals
    }));
    let mut sequences: Vec<&str> = records.iter().map(|record| record.record_sequence.as_str()).collect();
    sequences.dedup();
    assert!(sequences.is_sorted() && sequences.len() == records.len());
    assert_eq!(records.iter().filter(|record| record.is_last_record_in_transaction_in_partition).count(), 4);
}

#[tokio::test]
async fn excluded_commit_is_in_no_stream_that_allows_exclusion() {
    let world = world().await;
    let root = world.root().await;
    world.commit(vec![rows(Write::Insert, "A", 1..2, 1)], "out", true).await;
    let transaction = world.database.begin(CommitOptions { exclude: true, ..PLAIN }).await.unwrap();
    transaction.commit(vec![rows(Write::Insert, "A", 2..3, 1)]).await.unwrap();
    world.commit(vec![rows(Write::Insert, "A", 3..4, 1)], "in", false).await;
    assert_eq!(data(&mut world.query(&root)).await.transaction_tag, "in");
    let part = world.fake_spanner.change_stream(NAME, "Part").unwrap();
    assert_eq!(part.tokens().unwrap()[0].records, 3, "it does not allow exclusion");
}

#[tokio::test]
async fn partitions_split_merge_and_drop_out() {
    let world = world().await;
    let root = world.root().await;
    world.commit(vec![rows(Write::Insert, "A", 0..10, 1)], "", false).await;
    let children = world.changes.split(&root, 3).unwrap();
    let merged = world.changes.merge(&[&children[0], &children[1]]).unwrap();
    let told = world.tokens(Some(&root), world.start).await;
    let expected: Vec<_> = children.iter().map(|child| (child.clone(), vec![root.clone()])).collect();
    assert_eq!(told, expected);
    let both = vec![(merged.clone(), children[..2].to_vec())];
    for parent in &children[..2] {
        assert_eq!(world.tokens(Some(parent), world.start).await, both);
    }
    let now = world.database.now().await.unwrap();
    let live: Vec<String> = world.tokens(None, now).await.into_iter().map(|(token, _)| token).collect();
    assert_eq!(live, [children[2].clone(), merged.clone()]);
    assert!(world.changes.merge(&[&children[0], &merged]).is_err(), "not live");

    let mut query = world.query(&merged);
    assert!(matches!(query.next().await, Some(Ok(ChangeRecord::Heartbeat(_)))));
    world.changes.drop_out(&merged).unwrap();
    assert!(query.next().await.is_none(), "without children");
    let mut query = world.query(&merged);
    assert!(matches!(query.next().await, Some(Ok(ChangeRecord::Heartbeat(_)))));
    world.changes.break_off(&merged).unwrap();
    assert_eq!(query.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn transactions_of_one_timestamp_arrive_in_any_order() {
    let world = world().await;
    let root = world.root().await;
    world.fake_spanner.hold_clock(NAME, true).unwrap();
    let mut at = Vec::new();
    for id in 0..3 {
        at.push(world.commit(vec![rows(Write::Insert, "A", id..id + 1, 1)], &id.to_string(), false).await);
    }
    assert!(world.changes.split(&root, 2).is_err());
    let mut early = world.query(&root);
    let heartbeat = early.next().await.unwrap().unwrap();
    assert!(matches!(heartbeat, ChangeRecord::Heartbeat(time) if time < at[0]), "{heartbeat:?}");
    world.fake_spanner.hold_clock(NAME, false).unwrap();
    assert!(at.iter().all(|time| *time == at[0]));
    let mut orders = Vec::new();
    for _ in 0..2 {
        let mut query = world.query(&root);
        let mut tags = Vec::new();
        for _ in 0..3 {
            let change = data(&mut query).await;
            assert_eq!(change.commit_timestamp, at[0]);
            tags.push(change.transaction_tag);
        }
        orders.push(tags.clone());
        tags.sort();
        assert_eq!(tags, ["0", "1", "2"]);
    }
    assert_ne!(orders[0], orders[1]);
}

#[tokio::test]
async fn held_token_returns_the_rest_after_its_release() {
    let world = world().await;
    let root = world.root().await;
    world.changes.hold(&root, 2).unwrap();
    for id in 0..3 {
        world.commit(vec![rows(Write::Insert, "A", id..id + 1, 1)], "", false).await;
    }
    let mut query = world.query(&root);
    data(&mut query).await;
    data(&mut query).await;
    let more = tokio::time::timeout(2 * HEARTBEAT, query.next()).await;
    assert!(more.is_err(), "{more:?}");
    world.changes.release(&root).unwrap();
    assert_eq!(data(&mut query).await.mods[0].keys().unwrap()["Id"], "2");
}

#[tokio::test]
async fn a_start_before_the_stream_and_an_unknown_token_are_refused() {
    let world = world().await;
    let before = world.start - chrono::TimeDelta::hours(1);
    for (token, start) in [(None, before), (Some("nope"), world.start)] {
        let mut query = world.database.changes("Changes", token, start, None, HEARTBEAT);
        assert_eq!(query.next().await.unwrap().unwrap_err().kind(), ErrorKind::Expired);
    }
    let mut query = world.database.changes("Nope", None, world.start, None, HEARTBEAT);
    assert_eq!(query.next().await.unwrap().unwrap_err().kind(), ErrorKind::Config);
}
