//! The topic's log, and what it must become.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::DateTime;

use super::super::Rng;
use super::spec::{
    GAP, GRACE, GROUPS, INSERTED, NEWEST, ROWS, SESSIONS, SHARED, SHARED_SESSIONS, SHARED_SLIDES, SLIDE,
    SLIDES, UPDATED, WINDOW,
};
use super::store::CommittedStep;
use crate::ingest::{AggregateInput, Change, Failure, Offset, Payload, Record};
use crate::value::{Timestamp, Value};

pub(super) const PARTITIONS: i32 = 3;

/// What a record does, and what Spanner's answer to its row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RecordKind {
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
pub(super) struct LogEntry {
    pub(super) offset: Offset,
    pub(super) group: i64,
    pub(super) amount: i64,
    pub(super) kind: RecordKind,
    /// Seconds.
    pub(super) time: i64,
    /// No two of a run are equal.
    pub(super) version: i64,
}

pub(super) struct EmptyPayload;

impl Payload for EmptyPayload {
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
pub(super) fn generate(rng: &mut Rng, partition: i32) -> Vec<LogEntry> {
    let mut offset = rng.below(5) as Offset;
    let entries = 5 + rng.below(40);
    let entry = |_| {
        let kind = match rng.below(100) {
            0..4 => RecordKind::Garbled,
            4..6 => RecordKind::Poison,
            6..8 => RecordKind::Orphan,
            8..10 => RecordKind::Overflow,
            10..15 => RecordKind::Filtered,
            15..20 => RecordKind::Delete,
            20..25 => RecordKind::Update,
            25..30 => RecordKind::Insert,
            _ => RecordKind::Good,
        };
        offset += 1 + if rng.percent(10) { rng.below(4) as Offset } else { 0 };
        LogEntry {
            offset,
            group: rng.below(4) as i64,
            amount: rng.below(100) as i64 - 20,
            kind,
            time: offset * 10 + rng.below(120) as i64,
            version: (rng.below(1000) as i64 * 1000 + offset) * i64::from(PARTITIONS) + i64::from(partition),
        }
    };
    (0..entries).map(entry).collect()
}

impl LogEntry {
    pub(super) fn record(&self, partition: i32) -> Record<EmptyPayload> {
        let changes = match self.kind {
            RecordKind::Garbled => Err(Failure::new("SB-TEST", "garbled")),
            _ => Ok(self.changes(i64::from(partition).into())),
        };
        Record { offset: self.offset, changes, payload: EmptyPayload, size: 10 }
    }

    /// As its dead letter is read once the mapping has been mended for some of them.
    pub(super) fn mended(&self) -> Self {
        let kind = match self.kind {
            RecordKind::Garbled | RecordKind::Poison | RecordKind::Orphan | RecordKind::Overflow
                if self.amount % 2 == 0 =>
            {
                RecordKind::Good
            }
            kind => kind,
        };
        Self { kind, ..self.clone() }
    }

    fn changes(&self, partition: Value) -> Vec<Change> {
        let group = Value::from(self.group);
        let key = |group: Value| vec![group, partition.clone()];
        let row = |group: Value, flaw: Value| [key(group), vec![self.offset.into(), flaw]].concat();
        // A later record of the key in its batch would hide the flaw from Spanner.
        let flawed = |flaw: &str| row(Value::from(1000 + self.offset), flaw.into());
        let first = match self.kind {
            RecordKind::Filtered | RecordKind::Garbled => return Vec::new(),
            RecordKind::Delete => Change::Delete { target: ROWS, key: key(group.clone()), version: None },
            RecordKind::Update => Change::Row { target: UPDATED, row: row(group.clone(), Value::Null) },
            RecordKind::Insert => Change::Row { target: INSERTED, row: row(group.clone(), Value::Null) },
            RecordKind::Poison => Change::Row { target: ROWS, row: flawed("poison") },
            RecordKind::Orphan => Change::Row { target: ROWS, row: flawed("orphan") },
            RecordKind::Good | RecordKind::Overflow => {
                Change::Row { target: ROWS, row: row(group.clone(), Value::Null) }
            }
        };
        let amount = if self.kind == RecordKind::Overflow { i64::MAX } else { self.amount };
        let input = |value: i64| AggregateInput::Value(value.into());
        let at = DateTime::from_timestamp(self.time, 0);
        let counted = |target, key, at| {
            let inputs = vec![AggregateInput::Record, input(self.offset)];
            Change::Group { target, key, at, inputs }
        };
        vec![
            first,
            Change::Group {
                target: GROUPS,
                key: key(group.clone()),
                at,
                inputs: vec![AggregateInput::Record, input(amount), input(amount)],
            },
            counted(SESSIONS, key(group.clone()), at),
            counted(SHARED_SESSIONS, vec![group.clone()], at),
            counted(SLIDES, key(group.clone()), at),
            counted(SHARED_SLIDES, vec![group.clone()], at),
            counted(SHARED, vec![group.clone()], None),
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
    /// By group, partition ([`ALL`] in a shared table) and end: start, count and sum of offsets.
    pub(super) sessions: Ranges,
    /// As sessions, by start: latest time.
    pub(super) slides: Ranges,
    pub(super) letters: BTreeSet<(i64, Offset)>,
}

/// Times in milliseconds.
pub(super) type Ranges = BTreeMap<(i64, i64, i64), (i64, i64, Offset)>;

/// In place of a partition, where all share a table.
pub(super) const ALL: i64 = -1;

/// Records by group and partition, as time and offset.
type Times = BTreeMap<(i64, i64), Vec<(i64, Offset)>>;

/// What the logs fold to in that order of steps.
pub(super) fn fold(logs: &[Vec<LogEntry>], steps: &[CommittedStep]) -> Result<Fold, String> {
    let mut fold = Fold::default();
    let mut times = Times::new();
    let mut streams = vec![(None, i64::MIN); logs.len()];
    for step in steps {
        match *step {
            CommittedStep::Move { partition, from, to } => {
                let (next, stream_time) = &mut streams[partition];
                if next.replace(to).is_some_and(|next| next != from) {
                    return Err(format!(
                        "partition {partition}: a move from {from} differs from the position"
                    ));
                }
                for entry in logs[partition].iter().filter(|entry| (from..to).contains(&entry.offset)) {
                    fold.step(partition as i64, entry, stream_time, &mut times);
                }
            }
            CommittedStep::Replay { partition, offset } => {
                let at = (partition as i64, offset);
                let entry = logs[partition].iter().find(|entry| entry.offset == offset);
                let Some(entry) = entry.filter(|_| fold.letters.remove(&at)) else {
                    return Err(format!("a replay of {at:?} differs from the letters"));
                };
                fold.step(partition as i64, &entry.mended(), &mut streams[partition].1, &mut times);
            }
            CommittedStep::Purge { partition, offset } => {
                fold.letters.remove(&(partition as i64, offset));
            }
        }
    }
    for ((group, partition), mut times) in times {
        times.sort_unstable();
        fold.sessions.extend(sessions(group, partition, &times));
        fold.slides.extend(slides(group, partition, &times));
    }
    Ok(fold)
}

fn sessions(group: i64, partition: i64, times: &[(i64, Offset)]) -> Ranges {
    let session = |session: &[(i64, Offset)]| {
        let (start, end) = (session[0].0, session[session.len() - 1].0);
        ((group, partition, end * 1000), (start * 1000, session.len() as i64, offsets(session.iter())))
    };
    times.chunk_by(|one, next| next.0 - one.0 <= GAP).map(session).collect()
}

/// KIP-450's windows: one that ends with each record, one that starts behind each.
fn slides(group: i64, partition: i64, times: &[(i64, Offset)]) -> Ranges {
    let starts = times.iter().flat_map(|(time, _)| [(time - SLIDE) * 1000, time * 1000 + 1]);
    let slide = |start: i64| {
        let within = times.iter().filter(|(time, _)| (start..=start + SLIDE * 1000).contains(&(time * 1000)));
        let latest = within.clone().map(|(time, _)| time * 1000).max()?;
        Some(((group, partition, start), (latest, within.clone().count() as i64, offsets(within))))
    };
    starts.filter_map(slide).collect()
}

fn offsets<'a>(records: impl Iterator<Item = &'a (i64, Offset)>) -> Offset {
    records.map(|(_, offset)| offset).sum()
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
        rows("Slides", &self.slides, &expected.slides)?;
        let (found, expected) = (&self.letters, &expected.letters);
        if found == expected { Ok(()) } else { Err(format!("letters {found:?} differs from {expected:?}")) }
    }

    fn step(&mut self, partition: i64, entry: &LogEntry, stream_time: &mut i64, times: &mut Times) {
        if entry.kind == RecordKind::Filtered {
            return;
        }
        if !self.apply(partition, entry, stream_time) {
            self.letters.insert((partition, entry.offset));
            return;
        }
        for partition in [partition, ALL] {
            times.entry((entry.group, partition)).or_default().push((entry.time, entry.offset));
        }
    }

    /// False when the record becomes a dead letter.
    fn apply(&mut self, partition: i64, entry: &LogEntry, stream_time: &mut i64) -> bool {
        let key = (entry.group, partition);
        let fits = match entry.kind {
            RecordKind::Garbled | RecordKind::Poison | RecordKind::Orphan => false,
            RecordKind::Update => self.rows.contains_key(&key),
            RecordKind::Insert => !self.inserted.contains_key(&key),
            _ => true,
        };
        let start = entry.time - entry.time.rem_euclid(WINDOW);
        let time = (*stream_time).max(entry.time);
        let late = start + WINDOW + GRACE <= time;
        let amount = if entry.kind == RecordKind::Overflow { i64::MAX } else { entry.amount };
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
            RecordKind::Delete => drop(self.rows.remove(&key)),
            RecordKind::Insert => drop(self.inserted.insert(key, entry.offset)),
            _ => drop(self.rows.insert(key, entry.offset)),
        }
        let shared = self.shared.entry(entry.group).or_default();
        *shared = (shared.0 + 1, shared.1 + entry.offset);
        let newest = self.newest.entry(entry.group).or_insert((entry.version, entry.offset));
        *newest = (*newest).max((entry.version, entry.offset));
        true
    }
}
