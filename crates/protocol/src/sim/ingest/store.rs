//! A small Spanner: atomic commits with the errors that the protocol stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spec::spec;
use crate::ingest::{Failure, KeyRange, Offset, Outcome, Partition, Position, RowKey, TABLE_POSITIONS};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

type Key = Vec<Value>;
type Row = Vec<Value>;

#[derive(Default)]
pub(super) struct Store {
    tables: BTreeMap<Arc<str>, BTreeMap<Key, Row>>,
}

/// What a commit sends: the mutations, and the rows that its transaction has read under lock.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) mutations: Vec<Mutation>,
    pub(super) locks: Option<Locks>,
}

/// Rows as they were when they were read.
pub(super) type Locks = Vec<(RowKey, Option<Vec<Value>>)>;

impl Store {
    /// All or nothing. Locks that did not hold abort it: Spanner would have made one of the two wait.
    pub(super) fn commit(&mut self, request: &Request) -> Outcome {
        let broken = |(key, row): &(RowKey, Option<Vec<Value>>)| self.row(key) != row.as_ref();
        if request.locks.iter().flatten().any(broken) {
            return Outcome::Aborted;
        }
        let mut undo = Vec::new();
        let outcome = self.apply(&request.mutations, &mut undo);
        if outcome != (Outcome::Committed { mutations: None }) {
            for (table, key, row) in undo.into_iter().rev() {
                self.put(table, key, row);
            }
        }
        outcome
    }

    fn apply(&mut self, mutations: &[Mutation], undo: &mut Vec<(Arc<str>, Key, Option<Row>)>) -> Outcome {
        for Mutation { write, table, rows, .. } in mutations {
            for row in rows {
                let key = row[..key_columns(table)].to_vec();
                let exists = self.tables.get(table).is_some_and(|rows| rows.contains_key(&key));
                match write {
                    Write::Insert if exists => return fenced("ALREADY_EXISTS"),
                    Write::Update if !exists => return fenced("NOT_FOUND"),
                    _ => {}
                }
                let row = (*write != Write::Delete).then(|| row.clone());
                let flaw = row.as_ref().filter(|_| **table == *"Rows").map(|row| &row[3]);
                if flaw == Some(&"poison".into()) {
                    return Outcome::Rejected(Failure::new("SB-TEST", "poison"));
                }
                if flaw == Some(&"orphan".into()) {
                    return fenced("NOT_FOUND: no parent row");
                }
                let before = self.put(table.clone(), key.clone(), row);
                undo.push((table.clone(), key, before));
            }
        }
        Outcome::Committed { mutations: None }
    }

    fn put(&mut self, table: Arc<str>, key: Key, row: Option<Row>) -> Option<Row> {
        let rows = self.tables.entry(table).or_default();
        match row {
            Some(row) => rows.insert(key, row),
            None => rows.remove(&key),
        }
    }

    pub(super) fn rows(&self, table: &str) -> impl Iterator<Item = &Vec<Value>> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// The positions stored of a partition: there must never be two.
    pub(super) fn positions(&self, partition: &Partition) -> Vec<Offset> {
        self.stored(partition).iter().map(|position| position.next).collect()
    }

    pub(super) fn stored(&self, partition: &Partition) -> Vec<Position> {
        let of_partition =
            self.rows(TABLE_POSITIONS).filter(|row| row[2] == Value::from(i64::from(partition.number)));
        let position = |row: &Vec<Value>| match (&row[3], &row[5]) {
            (Value::Int64(next), Value::Timestamp(at)) => Position { next: *next, event_time: Some(*at) },
            (Value::Int64(next), Value::Null) => Position { next: *next, event_time: None },
            _ => unreachable!("NextOffset is INT64, EventTime TIMESTAMP"),
        };
        of_partition.map(position).collect()
    }

    pub(super) fn states(&self, keys: &[RowKey]) -> Vec<(RowKey, Vec<Value>)> {
        let spec = spec();
        let state = |key: &RowKey| {
            let columns = spec.targets[key.target].state()?;
            Some((key.clone(), self.row(key)?[columns].to_vec()))
        };
        keys.iter().filter_map(state).collect()
    }

    /// The rows of these ranges, each with all columns behind its key.
    pub(super) fn ranges(&self, ranges: &[KeyRange]) -> Vec<(RowKey, Vec<Value>)> {
        let mut found = Vec::new();
        for KeyRange { target, prefix, from, to } in ranges {
            let bound = |at: &Timestamp| [&prefix[..], &[Value::Timestamp(*at)]].concat();
            let table = self.tables.get(&*spec().targets[*target].table);
            for (key, row) in table.into_iter().flat_map(|table| table.range(bound(from)..=bound(to))) {
                found.push((RowKey { target: *target, key: key.clone() }, row[key.len()..].to_vec()));
            }
        }
        found
    }

    pub(super) fn lock(&self, keys: &[RowKey]) -> Locks {
        keys.iter().map(|key| (key.clone(), self.row(key).cloned())).collect()
    }

    fn row(&self, key: &RowKey) -> Option<&Vec<Value>> {
        self.tables.get(&*spec().targets[key.target].table)?.get(&key.key)
    }
}

fn fenced(what: &str) -> Outcome {
    Outcome::Fenced(Failure::new("SB-TEST", what))
}

fn key_columns(table: &str) -> usize {
    match table {
        "Shared" | "Newest" => 1,
        "BridgePartitions" | "Groups" | "Sessions" => 3,
        "BridgePositions" | "BridgeDeadLetters" => 4,
        _ => 2,
    }
}
