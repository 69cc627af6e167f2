//! A small Spanner: atomic commits with the errors that the protocol stands on.

use std::collections::BTreeMap;

use super::spec::spec;
use crate::ingest::{Failure, KeyRange, Offset, Outcome, Partition, Position, RowKey, TABLE_POSITIONS};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

type Table = BTreeMap<Vec<Value>, Vec<Value>>;

#[derive(Default)]
pub(super) struct Store {
    tables: BTreeMap<String, Table>,
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
        let mut after = self.tables.clone();
        for mutation in &request.mutations {
            let name = &*mutation.table;
            let table = after.entry(name.to_owned()).or_default();
            for row in &mutation.rows {
                let key = row[..key_columns(name)].to_vec();
                match mutation.write {
                    Write::Insert if table.contains_key(&key) => return fenced("ALREADY_EXISTS"),
                    Write::Update if !table.contains_key(&key) => return fenced("NOT_FOUND"),
                    Write::Delete => {
                        table.remove(&key);
                        continue;
                    }
                    _ => {}
                }
                if name == "Rows" && row[3] == "poison".into() {
                    return Outcome::Rejected(Failure::new("SB-TEST", "poison"));
                }
                if name == "Rows" && row[3] == "orphan".into() {
                    return fenced("NOT_FOUND: no parent row");
                }
                table.insert(key, row.clone());
            }
        }
        self.tables = after;
        Outcome::Committed { mutations: None }
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
