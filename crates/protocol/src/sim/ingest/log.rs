//! The topic's log, and what it must become.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::super::Dice;
use super::spec::{GRACE, GROUPS, INSERTED, NEWEST, ROWS, SHARED, UPDATED, WINDOW};
use crate::ingest::{Change, Failure, Input, Offset, Payload, Record};
use crate::value::{Timestamp, Value};

pub(super) const PARTITIONS: i32 = 3;

/// What a record does, and what Spanner's answer to its row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Good,
    Filtered,
    /// Cannot be decoded.
    Garbled,
    /// Spanner rejects its row.
    Poison,
    /// Spanner misses a row for it, with the same code that a lost fence has.
    Orphan,
    /// Its sum leaves INT64.
    Overflow,
    /// Deletes its group's row.
    Delete,
    /// Updates its group's row, which may not be there.
    Update,
    /// Inserts a row that may be there.
    Insert,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) offset: Offset,
    pub(super) group: i64,
    pub(super) amount: i64,
    pub(super) kind: Kind,
    /// Seconds.
    pub(super) time: i64,
    /// No two of a run are equal.
    pub(super) version: i64,
}

pub(super) struct Raw;

impl Payload for Raw {
    fn key(&self) -> Option<&[u8]> {
        None
    }
    fn value(&self) -> Option<&[u8]> {
        None
    }
    fn headers(&self) -> Option<String> {
        None
    }
    fn timestamp(&self) -> Option<Timestamp> {
        None
    }
    fn trace_id(&self) -> Option<String> {
        None
    }
}

/// A partition's log; offsets have holes, as behind compaction and transaction markers.
pub(super) fn generate(dice: &mut Dice, partition: i32) -> Vec<Entry> {
    let mut offset = dice.below(5) as Offset;
    let entries = 5 + dice.below(40);
    let entry = |_| {
        let kind = match dice.below(100) {
            0..3 => Kind::Garbled,
            3..6 => Kind::Poison,
            6..8 => Kind::Orphan,
            8..10 => Kind::Overflow,
            10..15 => Kind::Filtered,
            15..20 => Kind::Delete,
            20..25 => Kind::Update,
            25..30 => Kind::Insert,
            _ => Kind::Good,
        };
        offset += 1 + if dice.percent(10) { dice.below(4) as Offset } else { 0 };
        Entry {
            offset,
            group: dice.below(4) as i64,
            amount: dice.below(100) as i64 - 20,
            kind,
            time: offset * 10 + dice.below(120) as i64,
            version: (dice.below(1000) as i64 * 1000 + offset) * i64::from(PARTITIONS) + i64::from(partition),
        }
    };
    (0..entries).map(entry).collect()
}

impl Entry {
    pub(super) fn record(&self, partition: i32) -> Record<Raw> {
        let changes = match self.kind {
            Kind::Garbled => Err(Failure::new("SB-TEST", "garbled")),
            _ => Ok(self.changes(i64::from(partition).into())),
        };
        Record { offset: self.offset, changes, payload: Raw, size: 10 }
    }

    fn changes(&self, partition: Value) -> Vec<Change> {
        let group = Value::from(self.group);
        let key = |group: Value| vec![group, partition.clone()];
        let row = |group: Value, flaw: Value| [key(group), vec![self.offset.into(), flaw]].concat();
        // A later record of the key in its batch would hide the flaw from Spanner.
        let flawed = |flaw: &str| row(Value::from(1000 + self.offset), flaw.into());
        let first = match self.kind {
            Kind::Filtered | Kind::Garbled => return Vec::new(),
            Kind::Delete => Change::Delete { target: ROWS, key: key(group.clone()), version: None },
            Kind::Update => Change::Row { target: UPDATED, row: row(group.clone(), Value::Null) },
            Kind::Insert => Change::Row { target: INSERTED, row: row(group.clone(), Value::Null) },
            Kind::Poison => Change::Row { target: ROWS, row: flawed("poison") },
            Kind::Orphan => Change::Row { target: ROWS, row: flawed("orphan") },
            Kind::Good | Kind::Overflow => Change::Row { target: ROWS, row: row(group.clone(), Value::Null) },
        };
        let amount = if self.kind == Kind::Overflow { i64::MAX } else { self.amount };
        let input = |value: i64| Input::Value(value.into());
        vec![
            first,
            Change::Group {
                target: GROUPS,
                key: key(group.clone()),
                at: DateTime::from_timestamp(self.time, 0),
                inputs: vec![Input::Record, input(amount), input(amount)],
            },
            Change::Group {
                target: SHARED,
                key: vec![group.clone()],
                at: None,
                inputs: vec![Input::Record, input(self.offset)],
            },
            Change::Row { target: NEWEST, row: vec![group, self.version.into(), self.offset.into()] },
        ]
    }
}

/// What the logs fold to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fold {
    /// The last offset a group, of each partition.
    pub(super) rows: BTreeMap<(i64, i64), Offset>,
    pub(super) inserted: BTreeMap<(i64, i64), Offset>,
    /// Count, sum and maximum by group, partition and window.
    pub(super) groups: BTreeMap<(i64, i64, i64), (i64, i64, i64)>,
    /// Count and sum of offsets a group.
    pub(super) shared: BTreeMap<i64, (i64, i64)>,
    /// Version and offset a group.
    pub(super) newest: BTreeMap<i64, (i64, Offset)>,
    pub(super) letters: Vec<(i64, Offset)>,
}

pub(super) fn fold(logs: &[Vec<Entry>]) -> Fold {
    let mut fold = Fold::default();
    for (partition, log) in (0..).zip(logs) {
        let mut stream_time = i64::MIN;
        for entry in log.iter().filter(|entry| entry.kind != Kind::Filtered) {
            if !fold.apply(partition, entry, &mut stream_time) {
                fold.letters.push((partition, entry.offset));
            }
        }
    }
    fold
}

impl Fold {
    /// False when the record becomes a dead letter.
    fn apply(&mut self, partition: i64, entry: &Entry, stream_time: &mut i64) -> bool {
        let key = (entry.group, partition);
        let fits = match entry.kind {
            Kind::Garbled | Kind::Poison | Kind::Orphan => false,
            Kind::Update => self.rows.contains_key(&key),
            Kind::Insert => !self.inserted.contains_key(&key),
            _ => true,
        };
        let start = entry.time - entry.time.rem_euclid(WINDOW);
        let time = (*stream_time).max(entry.time);
        let late = start + WINDOW + GRACE <= time;
        let amount = if entry.kind == Kind::Overflow { i64::MAX } else { entry.amount };
        let at = (entry.group, partition, start);
        let before = self.groups.get(&at).copied().unwrap_or((0, 0, i64::MIN));
        let sum = before.1.checked_add(amount);
        if !fits || (sum.is_none() && !late) {
            return false;
        }
        *stream_time = time;
        if let (Some(sum), false) = (sum, late) {
            self.groups.insert(at, (before.0 + 1, sum, before.2.max(amount)));
        }
        match entry.kind {
            Kind::Delete => drop(self.rows.remove(&key)),
            Kind::Insert => drop(self.inserted.insert(key, entry.offset)),
            _ => drop(self.rows.insert(key, entry.offset)),
        }
        let shared = self.shared.entry(entry.group).or_default();
        *shared = (shared.0 + 1, shared.1 + entry.offset);
        let newest = self.newest.entry(entry.group).or_insert((entry.version, entry.offset));
        *newest = (*newest).max((entry.version, entry.offset));
        true
    }
}
