//! The logs of the topic's partitions, and the rows that they must become.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono::DateTime;

use super::fake_spanner::CommittedStep;
use super::pipeline::{
    CHILDREN, CODES, GAP, GRACE, GROUPS, INSERTED, NEWEST, PARENTS, ROWS, SESSIONS, SHARED, SHARED_SESSIONS,
    SHARED_SLIDES, SLIDE, SLIDES, TOTALS, UPDATED, WINDOW,
};
use crate::ingest::{AggregateInput, Change, Failure, Offset, Record};
use crate::sim::empty_payload::EmptyPayload;
use crate::sim::rng::Rng;
use crate::value::Value;

pub(super) const PARTITIONS: i32 = 3;

/// The kind of a record: its change, and Spanner's answer to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RecordKind {
    Good,
    Filtered,
    /// The record cannot be decoded.
    Garbled,
    /// Spanner rejects the record's row.
    Poison,
    /// The parent of the record's row is missing, which has the same code as a consumed position.
    Orphan,
    /// The sum of the record's group overflows.
    Overflow,
    /// The record deletes its group's row.
    Delete,
    /// The record updates its group's row, which may not exist.
    Update,
    /// The record inserts a row, which may exist.
    Insert,
}

#[derive(Debug, Clone)]
pub(super) struct LogEntry {
    pub(super) offset: Offset,
    pub(super) group: i64,
    pub(super) amount: i64,
    pub(super) kind: RecordKind,
    /// The event time in seconds.
    pub(super) time: i64,
    /// The version, which is unique within a run.
    pub(super) version: i64,
}

/// The log of one partition.
///
/// Offsets without an entry are control records, aborted records, or records that compaction has removed.
pub(super) struct PartitionLog {
    /// The records. Those from `end` on are written later.
    pub(super) entries: Vec<LogEntry>,
    /// The first offset that retention has not deleted.
    pub(super) start: Offset,
    /// The last stable offset, which may lie behind control records.
    pub(super) end: Offset,
    /// The end at which the log stops growing.
    last_end: Offset,
}

impl PartitionLog {
    /// Returns the records that a consumer may fetch from an offset on.
    pub(super) fn fetch(&self, next: Offset) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().filter(move |entry| (next..self.end).contains(&entry.offset))
    }

    /// Writes more records or control records.
    pub(super) fn grow(&mut self, rng: &mut Rng) {
        self.end = (self.end + rng.below(8) as Offset).min(self.last_end);
    }

    /// Writes all that is left.
    pub(super) fn complete(&mut self) {
        self.end = self.last_end;
    }

    /// Deletes what has been applied up to any offset before the position.
    pub(super) fn expire(&mut self, rng: &mut Rng, position: Offset) {
        let expired = (position - self.start).max(0) as usize;
        self.start += rng.below(expired + 1) as Offset;
    }
}

/// Generates the log of a partition. Its offsets have gaps, as after compaction or transaction markers.
pub(super) fn generate(rng: &mut Rng, partition: i32) -> PartitionLog {
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
            time: if rng.percent(3) { rng.below(50) as i64 } else { offset * 10 + rng.below(120) as i64 },
            version: (rng.below(1000) as i64 * 1000 + offset) * i64::from(PARTITIONS) + i64::from(partition),
        }
    };
    let entries: Vec<LogEntry> = (0..entries).map(entry).collect();
    let start = entries[0].offset;
    // Half of the logs end with control records or an aborted transaction.
    let tail = if rng.percent(50) { 1 + rng.below(4) as Offset } else { 0 };
    let last_end = offset + 1 + tail;
    // Half of the pipelines start with a backlog.
    let end = if rng.percent(50) { last_end } else { start };
    PartitionLog { entries, start, end, last_end }
}

impl LogEntry {
    pub(super) fn record(&self, partition: i32) -> Record<EmptyPayload> {
        let changes = match self.kind {
            RecordKind::Garbled => Err(Failure::new("SB-TEST", "garbled")),
            _ => Ok(self.changes(i64::from(partition).into())),
        };
        Record { offset: self.offset, changes, payload: EmptyPayload, size: 10 }
    }

    /// Returns the record as a replay maps it. The mapping has been fixed for some records.
    pub(super) fn fixed(&self) -> Self {
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
        // The key is unique. A later record of the same key in its batch would hide the flaw from Spanner.
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
        let mut changes = vec![
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
            Change::Row { target: NEWEST, row: vec![group.clone(), self.version.into(), self.offset.into()] },
        ];
        let key = key(group);
        let with = |values: &[i64]| key.iter().cloned().chain(values.iter().map(|&it| it.into())).collect();
        match self.kind {
            RecordKind::Good => {
                changes.push(Change::Row { target: PARENTS, row: with(&[self.offset]) });
                changes.push(Change::Row { target: CHILDREN, row: with(&[self.member(), self.offset]) });
                changes.push(counted(TOTALS, with(&[self.member()]), None));
                if let Some(code) = self.code() {
                    changes.push(Change::Row { target: CODES, row: with(&[code]) });
                }
            }
            RecordKind::Delete => {
                changes.push(Change::Delete { target: PARENTS, key: key.clone(), version: None });
                // The others are deleted with their parent.
                if self.member() == 0 {
                    changes.push(Change::Delete { target: CODES, key, version: None });
                }
            }
            _ => {}
        }
        changes
    }

    /// The number of the child that a record writes.
    fn member(&self) -> i64 {
        self.amount.rem_euclid(3)
    }

    /// The code that a record writes, which is unique in its partition.
    fn code(&self) -> Option<i64> {
        (self.amount % 3 == 0).then_some(self.amount.rem_euclid(5))
    }
}

/// The expected rows of all tables.
#[derive(Default)]
pub(super) struct ExpectedRows {
    /// The last offset by group and partition.
    pub(super) rows: BTreeMap<(i64, i64), Offset>,
    pub(super) inserted: BTreeMap<(i64, i64), Offset>,
    /// The count, sum and maximum by group, partition and window.
    pub(super) groups: BTreeMap<(i64, i64, i64), (i64, i64, i64)>,
    /// The count and the sum of offsets by group.
    pub(super) shared: BTreeMap<i64, (i64, i64)>,
    /// The version and offset by group.
    pub(super) newest: BTreeMap<i64, (i64, Offset)>,
    /// The start, the count and the sum of offsets, by group, partition and end. The partition is [`ALL`] in
    /// shared tables.
    pub(super) sessions: WindowRows,
    /// The latest time, the count and the sum of offsets, by group, partition and start.
    pub(super) slides: WindowRows,
    /// The last offset by group and partition.
    pub(super) parents: BTreeMap<(i64, i64), Offset>,
    /// The last offset by group, partition and member.
    pub(super) children: BTreeMap<(i64, i64, i64), Offset>,
    /// The count and the sum of offsets, by group, partition and member.
    pub(super) totals: BTreeMap<(i64, i64, i64), (i64, Offset)>,
    /// The code by group and partition.
    pub(super) codes: BTreeMap<(i64, i64), i64>,
    pub(super) dead_letters: BTreeSet<(i64, Offset)>,
}

/// The rows of windows. Times are in milliseconds.
pub(super) type WindowRows = BTreeMap<(i64, i64, i64), (i64, i64, Offset)>;

/// The partition number of the rows of shared tables, which all partitions write.
pub(super) const ALL: i64 = -1;

/// The time and offset of records, by group and partition.
type Times = BTreeMap<(i64, i64), Vec<(i64, Offset)>>;

/// Computes the expected rows from the logs and the committed steps.
///
/// # Errors
/// If a step does not follow from the steps before it.
pub(super) fn fold(logs: &[PartitionLog], steps: &[CommittedStep]) -> Result<ExpectedRows, String> {
    let mut fold = ExpectedRows::default();
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
                for entry in logs[partition].entries.iter().filter(|entry| (from..to).contains(&entry.offset))
                {
                    fold.step(partition as i64, entry, stream_time, &mut times);
                }
            }
            CommittedStep::Replay { partition, offset } => {
                let at = (partition as i64, offset);
                let entry = logs[partition].entries.iter().find(|entry| entry.offset == offset);
                let Some(entry) = entry.filter(|_| fold.dead_letters.remove(&at)) else {
                    return Err(format!("a replay of {at:?} differs from the dead letters"));
                };
                fold.step(partition as i64, &entry.fixed(), &mut streams[partition].1, &mut times);
            }
            CommittedStep::Purge { partition, offset } => {
                fold.dead_letters.remove(&(partition as i64, offset));
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

fn sessions(group: i64, partition: i64, times: &[(i64, Offset)]) -> WindowRows {
    let session = |session: &[(i64, Offset)]| {
        let (start, end) = (session[0].0, session[session.len() - 1].0);
        ((group, partition, end * 1000), (start * 1000, session.len() as i64, offsets(session.iter())))
    };
    times.chunk_by(|one, next| next.0 - one.0 <= GAP).map(session).collect()
}

/// Computes KIP-450's windows: one that ends with each record, and one that starts right behind it.
fn slides(group: i64, partition: i64, times: &[(i64, Offset)]) -> WindowRows {
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

impl ExpectedRows {
    /// Compares all tables.
    ///
    /// # Errors
    /// On the first row that differs.
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
        rows("Parents", &self.parents, &expected.parents)?;
        rows("Children", &self.children, &expected.children)?;
        rows("Totals", &self.totals, &expected.totals)?;
        rows("Codes", &self.codes, &expected.codes)?;
        let (found, expected) = (&self.dead_letters, &expected.dead_letters);
        if found == expected {
            Ok(())
        } else {
            Err(format!("dead letters {found:?} differs from {expected:?}"))
        }
    }

    fn step(&mut self, partition: i64, entry: &LogEntry, stream_time: &mut i64, times: &mut Times) {
        if entry.kind == RecordKind::Filtered {
            return;
        }
        if !self.apply(partition, entry, stream_time) {
            self.dead_letters.insert((partition, entry.offset));
            return;
        }
        for partition in [partition, ALL] {
            times.entry((entry.group, partition)).or_default().push((entry.time, entry.offset));
        }
    }

    /// Applies a record to the interleaved tables and the table with a unique index.
    fn apply_family(&mut self, key: (i64, i64), entry: &LogEntry) {
        let below = (key.0, key.1, entry.member());
        match entry.kind {
            RecordKind::Good => {
                self.parents.insert(key, entry.offset);
                self.children.insert(below, entry.offset);
                let total = self.totals.entry(below).or_default();
                *total = (total.0 + 1, total.1 + entry.offset);
                self.codes.extend(entry.code().map(|code| (key, code)));
            }
            RecordKind::Delete => {
                self.parents.remove(&key);
                self.children.retain(|row, _| (row.0, row.1) != key);
                self.totals.retain(|row, _| (row.0, row.1) != key);
                self.codes.remove(&key);
            }
            _ => {}
        }
    }

    /// Applies a record. Returns false if it becomes a dead letter.
    fn apply(&mut self, partition: i64, entry: &LogEntry, stream_time: &mut i64) -> bool {
        let key = (entry.group, partition);
        let fits = match entry.kind {
            RecordKind::Garbled | RecordKind::Poison | RecordKind::Orphan => false,
            RecordKind::Update => self.rows.contains_key(&key),
            RecordKind::Insert => !self.inserted.contains_key(&key),
            RecordKind::Good => entry.code().is_none_or(|code| {
                let holds =
                    |(row, held): (&(i64, i64), &i64)| row.1 == partition && *row != key && *held == code;
                !self.codes.iter().any(holds)
            }),
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
        self.apply_family(key, entry);
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
