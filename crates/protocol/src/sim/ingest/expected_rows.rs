//! The rows that the records must become.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::fake_spanner::CommittedStep;
use super::kafka_log::PartitionLog;
use super::log_entry::{LogEntry, RecordKind};
use super::pipeline::{GAP, GRACE, SLIDE, WINDOW};
use crate::ingest::Offset;

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
    /// The identity of the record by partition and offset.
    pub(super) dead_letters: BTreeMap<(i64, Offset), u64>,
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
        if let CommittedStep::Move { partition, from, to, .. } | CommittedStep::Skip { partition, from, to } =
            *step
            && streams[partition].0.replace(to).is_some_and(|next| next != from)
        {
            return Err(format!("partition {partition}: a move from {from} differs from the position"));
        }
        match *step {
            CommittedStep::Move { partition, from, to, last } => {
                for entry in logs[partition].moved(from, to, last) {
                    fold.step(partition as i64, entry, &mut streams[partition].1, &mut times);
                }
            }
            CommittedStep::Skip { .. } => {}
            CommittedStep::Replay { partition, offset } => {
                let at = (partition as i64, offset);
                let id = fold.dead_letters.remove(&at);
                let Some(entry) = id.and_then(|id| logs[partition].record(id)) else {
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
        rows("Dead letters", &self.dead_letters, &expected.dead_letters)
    }

    fn step(&mut self, partition: i64, entry: &LogEntry, stream_time: &mut i64, times: &mut Times) {
        if entry.kind == RecordKind::Filtered {
            return;
        }
        if !self.apply(partition, entry, stream_time) {
            self.dead_letters.insert((partition, entry.offset), entry.id);
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
