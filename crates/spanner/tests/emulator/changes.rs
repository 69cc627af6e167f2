//! Change streams: records, tokens, ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::json;
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Float, Timestamp, Type, Value};
use spanbridge_spanner::{
    ChangeRecord, DataChange, Database, ErrorKind, ModType, ValueCaptureType, decode_column,
};

use crate::support::{self, mutation};

const SECOND: Duration = Duration::from_secs(1);

/// All that one query answers.
async fn all(
    database: &Database,
    stream: &str,
    token: Option<&str>,
    start: Timestamp,
    end: Timestamp,
) -> Vec<ChangeRecord> {
    let mut changes = database.changes(stream, token, start, Some(end), SECOND);
    let mut records = Vec::new();
    while let Some(record) = changes.next().await {
        records.push(record.unwrap());
    }
    records
}

/// The whole lineage from `start` to `end`: a child is read when all of its parents are.
struct Lineage {
    data: Vec<DataChange>,
    heartbeats: usize,
    tokens: BTreeSet<String>,
    merges: usize,
    splits: usize,
}

async fn lineage(database: &Database, stream: &str, start: Timestamp, end: Timestamp) -> Lineage {
    let mut found =
        Lineage { data: Vec::new(), heartbeats: 0, tokens: BTreeSet::new(), merges: 0, splits: 0 };
    let mut waiting: BTreeMap<String, (Vec<String>, Timestamp)> = BTreeMap::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    let mut queue = VecDeque::from([(None, start)]);
    while let Some((token, from)) = queue.pop_front() {
        for record in all(database, stream, token.as_deref(), from, end).await {
            match record {
                ChangeRecord::Data(change) => found.data.push(change),
                ChangeRecord::Heartbeat(_) => found.heartbeats += 1,
                ChangeRecord::Children(children) => {
                    found.splits += usize::from(token.is_some() && children.children.len() > 1);
                    for child in children.children {
                        assert_eq!(child.parents.is_empty(), token.is_none(), "only roots have no parents");
                        found.merges +=
                            usize::from(child.parents.len() > 1 && !waiting.contains_key(&child.token));
                        waiting.insert(child.token, (child.parents, children.start_timestamp));
                    }
                }
            }
        }
        done.extend(token);
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(token, (parents, _))| {
                !found.tokens.contains(*token) && parents.iter().all(|p| done.contains(p))
            })
            .map(|(token, _)| token.clone())
            .collect();
        for token in ready {
            let from = waiting[&token].1;
            found.tokens.insert(token.clone());
            if from <= end {
                queue.push_back((Some(token), from));
            }
        }
    }
    found
}

#[tokio::test]
async fn record_fields_are_decoded() {
    let (_, database) = support::database(&[
        "CREATE TABLE T (Id INT64 NOT NULL, N NUMERIC, F FLOAT64, Y BYTES(10), D DATE, Stamp TIMESTAMP, J JSON,
           Tags ARRAY<STRING(MAX)>, B BOOL, F32 FLOAT32) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM S FOR T OPTIONS (value_capture_type = 'NEW_ROW_AND_OLD_VALUES')",
    ])
    .await;
    let start = database.now().await.unwrap();
    let row = vec![
        1.into(),
        Value::Numeric("1.5".parse().unwrap()),
        Value::Float64(Float(0.1)),
        Value::Bytes(vec![0, 255]),
        Value::Date("2013-01-31".parse().unwrap()),
        Value::Timestamp("2013-01-31T10:00:00Z".parse().unwrap()),
        Value::Json("{\"a\":\"b\"}".into()),
        Value::Array(vec!["x".into(), "".into()]),
        true.into(),
        Value::Float64(Float(f64::from(0.1_f32))),
    ];
    let named = ["Id", "N", "F", "Y", "D", "Stamp", "J", "Tags", "B", "F32"];
    let inserted =
        support::commit(&database, vec![mutation(Write::Insert, "T", &named, vec![row.clone()])]).await;
    let update = vec![mutation(Write::Update, "T", &["Id", "B"], vec![vec![1.into(), false.into()]])];
    let updated = support::commit(&database, update).await;
    let delete = vec![mutation(Write::Delete, "T", &["Id"], vec![vec![1.into()]])];
    let deleted = support::commit(&database, delete).await;

    let found = lineage(&database, "S", start, deleted.timestamp).await;
    let [insert, update, delete] = &found.data[..] else { panic!("{:?}", found.data) };
    assert_eq!(insert.commit_timestamp, inserted.timestamp);
    assert_eq!(update.commit_timestamp, updated.timestamp);
    assert_eq!(delete.commit_timestamp, deleted.timestamp);
    assert_eq!(
        [insert, update, delete].map(|change| change.mod_type),
        [ModType::Insert, ModType::Update, ModType::Delete]
    );
    for change in &found.data {
        assert_eq!(change.table_name, "T");
        assert_eq!(change.value_capture_type, ValueCaptureType::NewRowAndOldValues);
        assert_eq!(
            (change.number_of_records_in_transaction, change.number_of_partitions_in_transaction),
            (1, 1)
        );
        assert!(change.is_last_record_in_transaction_in_partition && !change.is_system_transaction);
        assert!(!change.server_transaction_id.is_empty() && !change.record_sequence.is_empty());
        assert_eq!(change.mods[0].keys().unwrap()["Id"], json!("1"));
    }

    let values = insert.mods[0].new_values().unwrap();
    assert_eq!(insert.column_types.len(), named.len());
    for (column, expected) in insert.column_types.iter().zip(&row) {
        assert_eq!(column.is_primary_key, column.name == "Id");
        if !column.is_primary_key {
            let value = decode_column(column.ty.as_ref().unwrap(), &values[&column.name]).unwrap();
            assert_eq!(value, *expected, "{}", column.name);
        }
    }
    assert_eq!(insert.column_types[7].ty, Some(Type::Array(Box::new(Type::String))));
    assert_eq!(update.mods[0].old_values().unwrap()["B"], json!(true));
    assert_eq!(update.mods[0].new_values().unwrap()["B"], json!(false));
    assert!(delete.mods[0].new_values().unwrap().is_empty());
    assert_eq!(delete.mods[0].old_values().unwrap()["N"], json!("1.5"));
}

#[tokio::test]
async fn lineage_through_splits_and_merges_has_each_change_once() {
    let (_, database) = support::database(&[
        "CREATE TABLE T (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM S FOR T",
    ])
    .await;
    let start = database.now().await.unwrap();
    // Longer than two lives of a partition (3 s to 6 s each): at least one split and one merge.
    let mut committed = Vec::new();
    let until = std::time::Instant::now() + 15 * SECOND;
    let mut id = 0;
    while std::time::Instant::now() < until {
        let rows = vec![vec![Value::Int64(id), Value::Int64(-id)]];
        let commit = support::commit(&database, vec![mutation(Write::Insert, "T", &["Id", "V"], rows)]).await;
        committed.push((commit.timestamp, id.to_string()));
        id += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let end = database.now().await.unwrap();
    let found = lineage(&database, "S", start, end).await;
    let mut changes: Vec<(Timestamp, String)> = found
        .data
        .iter()
        .map(|change| {
            let id = change.mods[0].keys().unwrap()["Id"].as_str().unwrap().to_owned();
            (change.commit_timestamp, id)
        })
        .collect();
    changes.sort();
    committed.sort();
    assert_eq!(changes, committed);
    assert!(found.tokens.len() > 2 && found.heartbeats > 0, "{:?} {}", found.tokens, found.heartbeats);
    assert!(found.merges > 0 && found.splits > 0, "{} merges, {} splits", found.merges, found.splits);
}

#[tokio::test]
async fn a_tail_follows_new_commits_and_stops_when_dropped() {
    let (_, database) = support::database(&[
        "CREATE TABLE T (Id INT64 NOT NULL) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM S FOR T",
    ])
    .await;
    let start = database.now().await.unwrap();
    let mut roots = database.changes("S", None, start, None, SECOND);
    let Some(Ok(ChangeRecord::Children(children))) = roots.next().await else { panic!("no root partitions") };
    drop(roots);
    let tokens = children.children.iter().map(|child| child.token.clone());
    let mut tails: Vec<_> =
        tokens.map(|token| database.changes("S", Some(&token), start, None, SECOND)).collect();
    let insert = mutation(Write::Insert, "T", &["Id"], vec![vec![1.into()]]);
    support::commit(&database, vec![insert]).await;
    let mut ended = 0;
    let change = 'found: loop {
        for tail in &mut tails {
            // Dropping `next` half-way loses nothing.
            match tokio::time::timeout(Duration::from_millis(50), tail.next()).await {
                Ok(Some(Ok(ChangeRecord::Data(change)))) => break 'found change,
                Ok(Some(Err(error))) => panic!("{error}"),
                Ok(None) => ended += 1,
                Ok(Some(Ok(_))) | Err(_) => {}
            }
        }
        assert!(ended < 100, "no change came");
    };
    assert_eq!(change.mods[0].keys().unwrap()["Id"], json!("1"));
}

#[tokio::test]
async fn unavailable_start_and_unknown_token_have_their_error_kinds() {
    let (_, database) = support::database(&[
        "CREATE TABLE T (Id INT64 NOT NULL) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM S FOR T",
    ])
    .await;
    let now = database.now().await.unwrap();
    let day = 24 * 3600 * SECOND;
    for (stream, token, start, kind) in [
        ("S", None, now - 40 * day, ErrorKind::Expired),
        ("S", None, now - SECOND * 600, ErrorKind::Expired),
        ("S", Some("nonsense"), now, ErrorKind::Expired),
        ("Nope", None, now, ErrorKind::Config),
        ("S(); DROP TABLE T", None, now, ErrorKind::Config),
    ] {
        let mut changes = database.changes(stream, token, start, None, SECOND);
        let error = changes.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{stream} {token:?} {start}: {error}");
        assert!(changes.next().await.is_none());
    }
}
