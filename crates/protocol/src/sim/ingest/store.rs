//! A small Spanner: atomic commits with the errors that the protocol stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Rng;
use super::spec::spec;
use crate::ingest::{
    Failure, KeyRange, Offset, Outcome, Partition, Position, RowKey, TABLE_DEAD_LETTERS, TABLE_POSITIONS,
    TABLE_REPLAYS,
};
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

type Key = Vec<Value>;
type Row = Vec<Value>;

#[derive(Default)]
pub(super) struct FakeSpanner {
    tables: BTreeMap<Arc<str>, BTreeMap<Key, Row>>,
    /// What was committed, in its order.
    pub(super) steps: Vec<CommittedStep>,
}

/// What a commit did to a partition's records.
pub(super) enum CommittedStep {
    Move {
        partition: usize,
        from: Offset,
        to: Offset,
    },
    /// Of a dead letter, whether it was applied or not.
    Replay {
        partition: usize,
        offset: Offset,
    },
    Purge {
        partition: usize,
        offset: Offset,
    },
}

/// What a commit sends: the mutations, and the rows that its transaction has read under lock.
#[derive(Clone)]
pub(super) struct CommitRequest {
    pub(super) mutations: Vec<Mutation>,
    pub(super) locks: Option<Locks>,
}

/// Rows, and ranges of rows, as they were when they were read.
#[derive(Clone)]
pub(super) struct Locks {
    rows: Vec<(RowKey, Option<Vec<Value>>)>,
    ranges: Vec<(KeyRange, Found)>,
}

type Found = Vec<(RowKey, Vec<Value>)>;

impl FakeSpanner {
    /// All or nothing. Locks that did not hold abort it: Spanner would have made one of the two wait.
    pub(super) fn commit(&mut self, request: &CommitRequest) -> Outcome {
        if request.locks.as_ref().is_some_and(|locks| !self.held(locks)) {
            return Outcome::Aborted;
        }
        let mut undo = Vec::new();
        let outcome = self.apply(&request.mutations, &mut undo);
        if outcome != (Outcome::Committed { mutations: None }) {
            for (table, key, row) in undo.into_iter().rev() {
                self.put(table, key, row);
            }
        } else {
            self.remember(&request.mutations);
        }
        outcome
    }

    fn held(&self, locks: &Locks) -> bool {
        locks.rows.iter().all(|(key, row)| self.row(key) == row.as_ref())
            && locks.ranges.iter().all(|(range, rows)| self.ranges(std::slice::from_ref(range)) == *rows)
    }

    fn remember(&mut self, mutations: &[Mutation]) {
        let rows = |write: Write, table: &'static str| {
            let of = mutations.iter().filter(move |it| it.write == write && *it.table == *table);
            of.flat_map(|mutation| &mutation.rows)
        };
        let offset =
            |row: &Row| if let Value::Int64(offset) = row[3] { offset } else { unreachable!("INT64") };
        for (from, to) in rows(Write::Delete, TABLE_POSITIONS).zip(rows(Write::Insert, TABLE_POSITIONS)) {
            let (partition, from, to) = (number(from), offset(from), offset(to));
            if from != to {
                self.steps.push(CommittedStep::Move { partition, from, to });
            }
        }
        for row in rows(Write::Update, TABLE_REPLAYS) {
            self.steps.push(CommittedStep::Replay { partition: number(row), offset: offset(row) });
        }
    }

    /// An operator wants a dead letter replayed.
    pub(super) fn request(&mut self, rng: &mut Rng) {
        if let Some(key) = self.any(rng, TABLE_DEAD_LETTERS) {
            self.put(TABLE_REPLAYS.into(), key.clone(), Some(key));
        }
    }

    /// An operator throws a dead letter away.
    pub(super) fn purge(&mut self, rng: &mut Rng) {
        let Some(key) = self.any(rng, TABLE_DEAD_LETTERS) else { return };
        let Value::Int64(offset) = key[3] else { unreachable!("KafkaOffset is INT64") };
        self.steps.push(CommittedStep::Purge { partition: number(&key), offset });
        self.put(TABLE_REPLAYS.into(), key.clone(), None);
        self.put(TABLE_DEAD_LETTERS.into(), key, None);
    }

    fn any(&self, rng: &mut Rng, table: &str) -> Option<Key> {
        let rows = self.tables.get(table).filter(|rows| !rows.is_empty())?;
        rows.keys().nth(rng.below(rows.len())).cloned()
    }

    /// The offsets of a partition's dead letters that are to be replayed.
    pub(super) fn requests(&self, partition: &Partition) -> Vec<Offset> {
        let of_partition =
            self.rows(TABLE_REPLAYS).filter(|row| row[2] == Value::from(i64::from(partition.number)));
        let offset = |row: &Vec<Value>| if let Value::Int64(offset) = row[3] { Some(offset) } else { None };
        of_partition.filter_map(offset).collect()
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
                if *write == Write::Delete && **table == *TABLE_DEAD_LETTERS {
                    let below = self.put(TABLE_REPLAYS.into(), key.clone(), None);
                    undo.push((TABLE_REPLAYS.into(), key.clone(), below));
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
        let position = |row: &Vec<Value>| match (&row[3], &row[4], &row[6]) {
            (Value::Int64(next), Value::Int64(revision), time) => {
                let event_time = if let Value::Timestamp(at) = time { Some(*at) } else { None };
                Position { next: *next, revision: *revision, event_time }
            }
            _ => unreachable!("NextOffset and Revision are INT64"),
        };
        of_partition.map(position).collect()
    }

    pub(super) fn states(&self, keys: &[RowKey]) -> Found {
        let spec = spec();
        let state = |key: &RowKey| {
            let columns = spec.targets[key.target].state()?;
            Some((key.clone(), self.row(key)?[columns].to_vec()))
        };
        keys.iter().filter_map(state).collect()
    }

    /// The rows of these ranges, each with all columns behind its key.
    pub(super) fn ranges(&self, ranges: &[KeyRange]) -> Found {
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

    pub(super) fn lock(&self, keys: &[RowKey], ranges: &[KeyRange]) -> Locks {
        let range = |range: &KeyRange| (range.clone(), self.ranges(std::slice::from_ref(range)));
        Locks {
            rows: keys.iter().map(|key| (key.clone(), self.row(key).cloned())).collect(),
            ranges: ranges.iter().map(range).collect(),
        }
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
        "BridgePartitions" | "Groups" | "Sessions" | "Slides" => 3,
        TABLE_DEAD_LETTERS | TABLE_REPLAYS => 4,
        TABLE_POSITIONS => 5,
        _ => 2,
    }
}

/// The partition of a row of the bridge's own.
fn number(row: &[Value]) -> usize {
    if let Value::Int64(number) = row[2] { number as usize } else { unreachable!("KafkaPartition is INT64") }
}
