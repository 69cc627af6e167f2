//! The topic's log, and what it must become.

use std::collections::BTreeMap;
use std::fmt::Debug;

use chrono::DateTime;

use super::super::Dice;
use super::spec::{GAP, GRACE, GROUPS, INSERTED, NEWEST, ROWS, SESSIONS, SHARED, UPDATED, WINDOW};
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
                target: SESSIONS,
                key: key(group.clone()),
                at: DateTime::from_timestamp(self.time, 0),
                inputs: vec![Input::Record, input(self.offset)],
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
#[derive(Default)]
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
    /// By group, partition and end: start, count and sum of offsets.
    pub(super) sessions: BTreeMap<(i64, i64, i64), (i64, i64, Offset)>,
    pub(super) letters: Vec<(i64, Offset)>,
}

pub(super) fn fold(logs: &[Vec<Entry>]) -> Fold {
    let mut fold = Fold::default();
    let mut times: BTreeMap<(i64, i64), Vec<(i64, Offset)>> = BTreeMap::new();
    for (partition, log) in (0..).zip(logs) {
        let mut stream_time = i64::MIN;
        for entry in log.iter().filter(|entry| entry.kind != Kind::Filtered) {
            if fold.apply(partition, entry, &mut stream_time) {
                times.entry((entry.group, partition)).or_default().push((entry.time, entry.offset));
            } else {
                fold.letters.push((partition, entry.offset));
            }
        }
    }
    for ((group, partition), mut times) in times {
        times.sort_unstable();
        for session in times.chunk_by(|one, next| next.0 - one.0 <= GAP) {
            let (start, end) = (session[0].0, session[session.len() - 1].0);
            let sum = session.iter().map(|(_, offset)| offset).sum();
            fold.sessions.insert((group, partition, end), (start, session.len() as i64, sum));
        }
    }
    fold
}

impl Fold {
    /// The first row that differs, and how.
    pub(super) fn equals(&self, expected: &Self) -> Result<(), String> {
        fn rows<K: Ord + Debug, V: PartialEq + Debug>(
            table: &str,
            found: &BTreeMap<K, V>,
            expected: &BTreeMap<K, V>,
        ) -> Result<(), String> {
            let keys = found.keys().chain(expected.keys());
            match keys.into_iter().find(|key| found.get(key) != expected.get(key)) {
                None => Ok(()),
                Some(key) => {
                    let (found, expected) = (found.get(key), expected.get(key));
                    Err(format!("{table} {key:?}: {found:?} differs from {expected:?}"))
                }
            }
        }
        rows("Rows", &self.rows, &expected.rows)?;
        rows("Inserted", &self.inserted, &expected.inserted)?;
        rows("Groups", &self.groups, &expected.groups)?;
        rows("Shared", &self.shared, &expected.shared)?;
        rows("Newest", &self.newest, &expected.newest)?;
        rows("Sessions", &self.sessions, &expected.sessions)?;
        let (found, expected) = (&self.letters, &expected.letters);
        if found == expected { Ok(()) } else { Err(format!("letters {found:?} differs from {expected:?}")) }
    }

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
