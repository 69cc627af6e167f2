//! Each kind of anomaly is planted, and must be found and named.

use spanbridge_protocol::value::Timestamp;
use spanbridge_verify::change_id::ChangeId;
use spanbridge_verify::published::{PublishedChange, PublishedRecord};

use super::*;
use crate::history::TransactionAttempt;

/// The row of account `key` after transaction `number`.
fn row(key: i64, number: i64) -> Vec<Value> {
    vec![key.into(), number.into()]
}

fn id(number: i64, mod_number: usize) -> ChangeId {
    ChangeId {
        commit_timestamp: Timestamp::from_timestamp(number, 0).unwrap(),
        transaction_id: number.to_string(),
        record_sequence: 0,
        table: "Accounts".into(),
        mod_number,
    }
}

fn record(offset: i64, key: i64, number: i64, mod_number: usize) -> PublishedRecord {
    let id = id(number, mod_number);
    let change = PublishedChange {
        processed_at: id.commit_timestamp,
        id,
        token: "token".into(),
        op: "u".into(),
        before: None,
        after: Some(row(key, number)),
    };
    let (key_bytes, key) = (key.to_be_bytes().to_vec(), vec![key.into()]);
    PublishedRecord { partition: 0, offset, key_bytes, key, change: Some(change), headers: Vec::new() }
}

/// Transactions 1 and 2 write accounts 7 and 8, transaction 3 was rejected.
fn whole() -> PublishHistory {
    let attempt = |number, outcome| {
        let rows = vec![("Accounts", vec![7]), ("Accounts", vec![8])];
        TransactionAttempt { number, outcome, rows }
    };
    let records = vec![record(0, 7, 1, 0), record(1, 8, 1, 1), record(3, 7, 2, 0), record(4, 8, 2, 1)];
    let topic = |pipeline, is_atomic| TopicHistory {
        pipeline,
        table: "Accounts",
        is_atomic,
        number_column: 1,
        records: records.clone(),
    };
    let rows = [(vec![7.into()], row(7, 2)), (vec![8.into()], row(8, 2))].into();
    PublishHistory {
        attempts: vec![
            attempt(1, Outcome::Committed),
            attempt(2, Outcome::Committed),
            attempt(3, Outcome::Aborted),
            attempt(4, Outcome::Unknown),
        ],
        changes: vec![id(1, 0), id(1, 1), id(2, 0), id(2, 1)],
        rows: [("Accounts", rows)].into(),
        topics: vec![topic("atomic", true)],
        ..PublishHistory::default()
    }
}

/// Plants an anomaly in the records, and returns the kinds that the checker finds.
fn planted(plant: impl FnOnce(&mut Vec<PublishedRecord>)) -> BTreeSet<Kind> {
    let mut history = whole();
    plant(&mut history.topics[0].records);
    check(&history).into_iter().map(|anomaly| anomaly.kind).collect()
}

#[test]
fn whole_history_has_no_anomalies() {
    assert_eq!(check(&whole()), []);
}

#[test]
fn lost_transaction_is_named() {
    let lost = planted(|records| drop(records.drain(0..2)));
    assert_eq!(lost, [Kind::Lost].into());
    let mut history = whole();
    history.attempts[3].outcome = Outcome::Committed;
    let kinds: Vec<_> = check(&history).into_iter().map(|anomaly| anomaly.kind).collect();
    assert_eq!(kinds, [Kind::Lost], "also when the change stream does not have it");
}

#[test]
fn duplicated_change_is_named() {
    let kinds = planted(|records| records.extend([record(6, 7, 2, 0), record(7, 8, 2, 1)]));
    assert!(kinds.contains(&Kind::Duplicated), "{kinds:?}");
    assert!(!kinds.contains(&Kind::Lost), "{kinds:?}");
}

#[test]
fn reordered_changes_are_named() {
    let kinds = planted(|records| {
        *records = vec![record(0, 7, 2, 0), record(1, 8, 2, 1), record(3, 7, 1, 0), record(4, 8, 1, 1)];
    });
    assert_eq!(kinds, [Kind::Reordered].into());
}

#[test]
fn torn_transaction_is_named() {
    let in_pieces = planted(|records| records[3].offset = 5);
    assert_eq!(in_pieces, [Kind::Torn].into());
    let in_part = planted(|records| drop(records.remove(1)));
    assert!(in_part.contains(&Kind::Torn), "{in_part:?}");
}

#[test]
fn rejected_transaction_is_named() {
    let kinds = planted(|records| records.extend([record(6, 7, 3, 0), record(7, 8, 3, 1)]));
    assert!(kinds.contains(&Kind::AbortedRead), "{kinds:?}");
}

#[test]
fn unwritten_transaction_is_named() {
    let kinds = planted(|records| records.push(record(6, 9, 99, 0)));
    assert_eq!(kinds, [Kind::Unwritten].into());
}
