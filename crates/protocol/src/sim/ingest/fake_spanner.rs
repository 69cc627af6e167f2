//! A fake Spanner with atomic commits and the errors that the protocol depends on.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::pipeline::spec;
use super::record_payload::RecordPayload;
use crate::ingest::{
    Failure, Fingerprint, KeyRange, Offset, Outcome, Partition, Position, Registration, RowKey,
    TABLE_DEAD_LETTERS, TABLE_PARTITIONS, TABLE_POSITIONS, TABLE_REPLAYS, set_position,
};
use crate::mutation::{Mutation, Write};
use crate::sim::rng::Rng;
use crate::sim::tally;
use crate::value::{Timestamp, Value};

/// The maximum number of rows in the ranges of one read.
pub(super) const MAX_READ_ROWS: usize = 40;

const TABLE_GAPS: &str = "BridgeGaps";

type Key = Vec<Value>;
type Row = Vec<Value>;

#[derive(Default)]
pub(super) struct FakeSpanner {
    tables: BTreeMap<Arc<str>, BTreeMap<Key, Row>>,
    /// The committed steps, in commit order.
    pub(super) steps: Vec<CommittedStep>,
}

/// A committed step of a partition: by a worker's commit, or by an operator.
pub(super) enum CommittedStep {
    Move {
        partition: usize,
        from: Offset,
        to: Offset,
        /// The identity of the last record that the partition has applied.
        last: Option<u64>,
    },
    /// The position was moved without records, by `on_gap = "skip"` or an operator.
    Skip {
        partition: usize,
        from: Offset,
        to: Offset,
    },
    /// A dead letter was replayed, successfully or not.
    Replay {
        partition: usize,
        offset: Offset,
    },
    Purge {
        partition: usize,
        offset: Offset,
    },
}

/// A commit: the mutations, and the rows that its transaction has read under lock.
#[derive(Clone)]
pub(super) struct CommitRequest {
    pub(super) mutations: Vec<Mutation>,
    pub(super) locks: Option<Locks>,
}

/// The rows and ranges of a transaction, as they were when it read them.
#[derive(Clone)]
pub(super) struct Locks {
    rows: Vec<(RowKey, Option<Vec<Value>>)>,
    ranges: Vec<(KeyRange, FoundRows)>,
}

type FoundRows = Vec<(RowKey, Vec<Value>)>;

impl FakeSpanner {
    /// Applies a commit atomically. Aborts it if a locked row has changed, where Spanner would have made the
    /// other transaction wait.
    pub(super) fn commit(&mut self, request: &CommitRequest) -> Outcome {
        if request.locks.as_ref().is_some_and(|locks| !self.are_held(locks)) {
            return Outcome::Aborted;
        }
        let mut undo = Vec::new();
        let outcome = self.apply(&request.mutations, &mut undo);
        if outcome != (Outcome::Committed { mutations: None }) {
            for (table, key, row) in undo.into_iter().rev() {
                self.put(table, key, row);
            }
        } else {
            self.record_steps(&request.mutations);
        }
        outcome
    }

    fn are_held(&self, locks: &Locks) -> bool {
        locks.rows.iter().all(|(key, row)| self.row(key) == row.as_ref())
            && locks.ranges.iter().all(|(range, rows)| self.ranges(std::slice::from_ref(range)) == *rows)
    }

    fn record_steps(&mut self, mutations: &[Mutation]) {
        let rows = |write: Write, table: &'static str| {
            let of = mutations.iter().filter(move |it| it.write == write && *it.table == *table);
            of.flat_map(|mutation| &mutation.rows)
        };
        let offset =
            |row: &Row| if let Value::Int64(offset) = row[3] { offset } else { unreachable!("INT64") };
        // A skip records a gap, or forgets the first record.
        let is_skip = rows(Write::Upsert, TABLE_GAPS).next().is_some()
            || rows(Write::Update, TABLE_PARTITIONS).any(|row| row[4] == Value::Null);
        for (one, other) in rows(Write::Delete, TABLE_POSITIONS).zip(rows(Write::Insert, TABLE_POSITIONS)) {
            let (partition, from, to) = (partition_number(one), offset(one), offset(other));
            if from != to && is_skip {
                self.steps.push(CommittedStep::Skip { partition, from, to });
            } else if from != to {
                let last = RecordPayload::id(&other[8]);
                self.steps.push(CommittedStep::Move { partition, from, to, last });
            }
        }
        for row in rows(Write::Update, TABLE_REPLAYS) {
            tally::note("dead letter is replayed", || format!("{:?}", &row[2..4]));
            self.steps.push(CommittedStep::Replay { partition: partition_number(row), offset: offset(row) });
        }
    }

    /// Requests the replay of any dead letter, as an operator does.
    pub(super) fn request_replay(&mut self, rng: &mut Rng) {
        if let Some(key) = self.any_key(rng, TABLE_DEAD_LETTERS) {
            self.put(TABLE_REPLAYS.into(), key.clone(), Some(key));
        }
    }

    /// Deletes any dead letter, as an operator does.
    pub(super) fn purge_dead_letter(&mut self, rng: &mut Rng) {
        let Some(key) = self.any_key(rng, TABLE_DEAD_LETTERS) else { return };
        let Value::Int64(offset) = key[3] else { unreachable!("KafkaOffset is INT64") };
        self.steps.push(CommittedStep::Purge { partition: partition_number(&key), offset });
        self.put(TABLE_REPLAYS.into(), key.clone(), None);
        self.put(TABLE_DEAD_LETTERS.into(), key, None);
    }

    fn any_key(&self, rng: &mut Rng, table: &str) -> Option<Key> {
        let rows = self.tables.get(table).filter(|rows| !rows.is_empty())?;
        rows.keys().nth(rng.below(rows.len())).cloned()
    }

    /// Returns the identities of a partition's dead letters before its position that are to be replayed. A
    /// dead letter of a log that was replaced may lie behind the position.
    pub(super) fn replay_requests(&self, partition: &Partition) -> Vec<u64> {
        let Some(&next) = self.stored_offsets(partition).first() else { return Vec::new() };
        let bounds = |offset: Offset| {
            vec![
                "p".into(),
                Value::from(&*partition.topic),
                i64::from(partition.number).into(),
                offset.into(),
            ]
        };
        let Some(requests) = self.tables.get(TABLE_REPLAYS) else { return Vec::new() };
        let dead_letter = |key: &Key| self.tables.get(TABLE_DEAD_LETTERS)?.get(key);
        let requests = requests.range(bounds(Offset::MIN)..bounds(next)).map(|(key, _)| key);
        requests.filter_map(|key| RecordPayload::id(&dead_letter(key)?[7])).collect()
    }

    /// Moves the position of a partition, as an operator does.
    pub(super) fn set_position(&mut self, partition: &Partition, to: Offset, start: Option<Offset>) {
        let [from] = self.stored_positions(partition)[..] else { return };
        let mutations = set_position("p", partition, from, to, start);
        self.commit(&CommitRequest { mutations, locks: None });
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
                let mut row = (*write != Write::Delete).then(|| row.clone());
                if let (Write::Update, Some(row)) = (write, &mut row) {
                    // An update names the first columns of its table, and leaves the others as they are.
                    let stored = self.tables.get(table).and_then(|rows| rows.get(&key));
                    row.extend(
                        stored.and_then(|stored| stored.get(row.len()..)).unwrap_or_default().to_vec(),
                    );
                }
                let flaw = row.as_ref().filter(|_| **table == *"Rows").map(|row| &row[3]);
                if flaw == Some(&"poison".into()) {
                    return Outcome::Rejected(Failure::new("SB-TEST", "poison"));
                }
                if flaw == Some(&"orphan".into()) {
                    return fenced("NOT_FOUND: no parent row");
                }
                if let Some(violation) = row.as_ref().and_then(|row| self.violation(table, row)) {
                    return fenced(violation);
                }
                if *write == Write::Delete {
                    self.cascade(table, &key, undo);
                }
                let before = self.put(table.clone(), key.clone(), row);
                undo.push((table.clone(), key, before));
            }
        }
        Outcome::Committed { mutations: None }
    }

    /// Returns the constraint that a written row violates. Spanner checks mutations in their order.
    fn violation(&self, table: &str, row: &Row) -> Option<&'static str> {
        let has_row =
            |table: &str, key: &[Value]| self.tables.get(table).is_some_and(|rows| rows.contains_key(key));
        let has_code = |other: &Row| other[0] != row[0] && other[1..3] == row[1..3];
        match table {
            "Children" | "Totals" | "Codes" if !has_row("Parents", &row[..2]) => {
                Some("NOT_FOUND: no parent row")
            }
            "Codes" if self.rows("Codes").any(has_code) => Some("ALREADY_EXISTS: unique index"),
            _ => None,
        }
    }

    /// Deletes the rows below a row, by ON DELETE CASCADE.
    fn cascade(&mut self, table: &str, key: &[Value], undo: &mut Vec<(Arc<str>, Key, Option<Row>)>) {
        let below: &[&str] = match table {
            TABLE_DEAD_LETTERS => &[TABLE_REPLAYS],
            "Parents" => &["Children", "Totals", "Codes"],
            _ => &[],
        };
        for &table in below {
            let rows = self.tables.get(table).into_iter().flat_map(BTreeMap::keys);
            for row in rows.filter(|row| row.starts_with(key)).cloned().collect::<Vec<_>>() {
                let before = self.put(table.into(), row.clone(), None);
                undo.push((table.into(), row, before));
            }
        }
    }

    fn put(&mut self, table: Arc<str>, key: Key, row: Option<Row>) -> Option<Row> {
        let rows = self.tables.entry(table).or_default();
        match row {
            Some(row) => rows.insert(key, row),
            None => rows.remove(&key),
        }
    }

    /// Returns the rows of a table.
    pub(super) fn rows(&self, table: &str) -> impl Iterator<Item = &Vec<Value>> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// Returns the stored offsets of a partition. There must never be two.
    pub(super) fn stored_offsets(&self, partition: &Partition) -> Vec<Offset> {
        self.stored_positions(partition).iter().map(|position| position.next).collect()
    }

    /// Returns the stored positions of a partition.
    pub(super) fn stored_positions(&self, partition: &Partition) -> Vec<Position> {
        let of_partition =
            self.rows(TABLE_POSITIONS).filter(|row| row[2] == Value::from(i64::from(partition.number)));
        let position = |row: &Vec<Value>| match (&row[3], &row[4], &row[6]) {
            (Value::Int64(next), Value::Int64(revision), time) => {
                let event_time = if let Value::Timestamp(at) = time { Some(*at) } else { None };
                let last_record = Fingerprint::from_columns(&row[7], &row[8]);
                Position { next: *next, revision: *revision, event_time, last_record }
            }
            _ => unreachable!("NextOffset and Revision are INT64"),
        };
        of_partition.map(position).collect()
    }

    /// Returns the row of a registered partition.
    pub(super) fn registration(&self, partition: &Partition) -> Option<Registration> {
        let number = Value::from(i64::from(partition.number));
        let row = self.rows(TABLE_PARTITIONS).find(|row| row[2] == number)?;
        let start = if let Value::Int64(start) = row[3] { Some(start) } else { None };
        Some(Registration { start, first_record: Fingerprint::from_columns(&row[4], &row[5]) })
    }

    /// Returns the states of these rows.
    pub(super) fn states(&self, keys: &[RowKey]) -> FoundRows {
        let spec = spec();
        let state = |key: &RowKey| {
            let columns = spec.targets[key.target].state()?;
            Some((key.clone(), self.row(key)?[columns].to_vec()))
        };
        keys.iter().filter_map(state).collect()
    }

    /// Returns the rows of these ranges, each with all columns behind its key.
    pub(super) fn ranges(&self, ranges: &[KeyRange]) -> FoundRows {
        let mut found = Vec::new();
        for KeyRange { target, prefix, from, to, and_next } in ranges {
            let bound = |at: &Timestamp| [&prefix[..], &[Value::Timestamp(*at)]].concat();
            let Some(table) = self.tables.get(&*spec().targets[*target].table) else { continue };
            let behind = (Bound::Excluded(bound(to)), Bound::Unbounded);
            let next = table.range(behind).take_while(|(key, _)| key.starts_with(prefix));
            let next = next.take(usize::from(*and_next));
            for (key, row) in table.range(bound(from)..=bound(to)).chain(next) {
                found.push((RowKey { target: *target, key: key.clone() }, row[key.len()..].to_vec()));
            }
        }
        found
    }

    /// Locks rows and ranges.
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
        TABLE_PARTITIONS | "Groups" | "Sessions" | "Slides" | "Children" | "Totals" => 3,
        TABLE_GAPS | TABLE_DEAD_LETTERS | TABLE_REPLAYS => 4,
        TABLE_POSITIONS => 5,
        _ => 2,
    }
}

/// Returns the partition of a row of the bridge's tables.
fn partition_number(row: &[Value]) -> usize {
    if let Value::Int64(number) = row[2] { number as usize } else { unreachable!("KafkaPartition is INT64") }
}
