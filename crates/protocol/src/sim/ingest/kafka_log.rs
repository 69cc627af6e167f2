//! The logs of the topic's partitions: they grow, expire, lose their ends and are replaced.
//!
//! A log remembers all records that it ever held, so that the checker can tell which of them a commit has
//! applied. A replaced log and the new end of a truncated log have a record at each offset. A fingerprint
//! whose offset holds no record tells nothing, so no worker could be right about other logs.

use super::applied_records::AppliedRecords;
use super::log_entry::LogEntry;
use crate::ingest::{LogRange, Offset};
use crate::sim::rng::Rng;

pub(super) const PARTITIONS: i32 = 3;

/// The log of one partition.
///
/// Offsets without an entry are control records, aborted records, or records that compaction has removed.
pub(super) struct PartitionLog {
    partition: i32,
    /// The records. Those from `end` on are written later.
    entries: Vec<LogEntry>,
    /// The first offset that retention has not deleted.
    start: Offset,
    /// The last stable offset, which may lie behind control records.
    end: Offset,
    /// The end at which the log stops growing.
    last_end: Offset,
    /// The records before each truncation and replacement.
    former: Vec<Vec<LogEntry>>,
    /// The lowest offset from which the log has lost records, since it was created or skipped.
    cut: Option<Offset>,
    next_id: u64,
    pub(super) applied: AppliedRecords,
}

impl PartitionLog {
    /// Generates the log of a partition. Its offsets have gaps, as after compaction or transaction markers.
    pub(super) fn generate(rng: &mut Rng, partition: i32) -> Self {
        let mut offset = rng.below(5) as Offset;
        let entries = 5 + rng.below(40);
        let entry = |id| {
            offset += 1 + if rng.percent(10) { rng.below(4) as Offset } else { 0 };
            LogEntry::generate(rng, id as u64, offset, partition)
        };
        let entries: Vec<LogEntry> = (0..entries).map(entry).collect();
        let start = entries[0].offset;
        // Half of the logs end with control records or an aborted transaction.
        let tail = if rng.percent(50) { 1 + rng.below(4) as Offset } else { 0 };
        let last_end = offset + 1 + tail;
        // Half of the pipelines start with a backlog.
        let end = if rng.percent(50) { last_end } else { start };
        let next_id = entries.len() as u64;
        let (former, applied) = (Vec::new(), AppliedRecords::default());
        Self { partition, entries, start, end, last_end, former, cut: None, next_id, applied }
    }

    /// The offsets that the log contains.
    pub(super) fn range(&self) -> LogRange {
        LogRange { start: self.start, end: self.end }
    }

    /// The number of truncations and replacements.
    pub(super) fn version(&self) -> usize {
        self.former.len()
    }

    /// Returns the records that a consumer may fetch from an offset on.
    pub(super) fn fetch(&self, next: Offset) -> impl Iterator<Item = &LogEntry> {
        let next = next.max(self.start);
        self.entries.iter().filter(move |entry| (next..self.end).contains(&entry.offset))
    }

    /// Returns a record that the log holds now or held before.
    pub(super) fn record(&self, id: u64) -> Option<&LogEntry> {
        self.versions().flatten().find(|entry| entry.id == id)
    }

    /// Returns the records that a move of the position has applied. `last` is the identity of the last one. A
    /// move over control records keeps the last record of an earlier move.
    pub(super) fn moved(&self, from: Offset, to: Offset, last: Option<u64>) -> &[LogEntry] {
        for entries in self.versions() {
            let last = entries.iter().position(|entry| Some(entry.id) == last);
            if let Some(last) = last.filter(|&last| (from..to).contains(&entries[last].offset)) {
                let first = entries.partition_point(|entry| entry.offset < from);
                return &entries[first..=last];
            }
        }
        &[]
    }

    /// Returns the offset of the first record that is still to be applied.
    pub(super) fn first_unapplied(&self) -> Option<Offset> {
        self.entries.iter().find(|entry| !self.applied.contains(entry.id)).map(|entry| entry.offset)
    }

    /// Writes more records or control records.
    pub(super) fn grow(&mut self, rng: &mut Rng) {
        self.end = (self.end + rng.below(8) as Offset).min(self.last_end);
    }

    /// Writes all that is left.
    pub(super) fn complete(&mut self) {
        self.end = self.last_end;
    }

    /// Deletes records up to any offset before the position. All of them have been applied.
    pub(super) fn expire(&mut self, rng: &mut Rng, position: Offset) {
        let applied = self.first_unapplied().map_or(position, |offset| offset.min(position)).min(self.end);
        let expired = (applied - self.start).max(0) as usize;
        self.start += rng.below(expired + 1) as Offset;
    }

    /// Deletes the topic and creates it again.
    pub(super) fn recreate(&mut self, rng: &mut Rng) {
        self.former.push(self.entries.clone());
        self.entries.clear();
        (self.start, self.end, self.cut) = (0, 0, None);
        self.write_again(rng, 0);
        self.end = rng.below((self.last_end + 1) as usize) as Offset;
    }

    /// Loses the records from an offset on, which is at most `max`, and writes others there.
    pub(super) fn truncate(&mut self, rng: &mut Rng, max: Offset) {
        let max = max.min(self.end);
        if max < self.start {
            return;
        }
        let cut = self.start + rng.below((max - self.start + 1) as usize) as Offset;
        self.former.push(self.entries.clone());
        self.entries.retain(|entry| entry.offset < cut);
        self.end = cut;
        self.cut = Some(self.cut.map_or(cut, |earlier| earlier.min(cut)));
        self.write_again(rng, cut);
        // Half of the logs have grown again before anyone looks.
        if rng.percent(50) {
            self.grow(rng);
        }
    }

    /// Notes that a position was moved to an offset. After a truncation, it passes over the records that were
    /// written before the move.
    pub(super) fn skip_to(&mut self, to: Offset) {
        if let Some(cut) = self.cut.take() {
            let skipped = self.entries.iter().filter(|entry| (cut..to).contains(&entry.offset));
            self.applied.skip(skipped.map(|entry| entry.id));
        }
    }

    /// Notes that a move of the position has applied records.
    ///
    /// # Errors
    /// If one of them was applied before.
    pub(super) fn apply(&mut self, from: Offset, to: Offset, last: Option<u64>) -> Result<(), String> {
        let moved: Vec<u64> = self.moved(from, to, last).iter().map(|entry| entry.id).collect();
        let twice = moved.into_iter().find(|id| !self.applied.add(*id));
        twice.map_or(Ok(()), |id| {
            Err(format!(
                "partition {}: record {id} is applied twice, which differs from the log",
                self.partition
            ))
        })
    }

    fn write_again(&mut self, rng: &mut Rng, from: Offset) {
        self.last_end = from + 5 + rng.below(40) as Offset;
        for offset in from..self.last_end {
            self.entries.push(LogEntry::generate(rng, self.next_id, offset, self.partition));
            self.next_id += 1;
        }
    }

    fn versions(&self) -> impl Iterator<Item = &Vec<LogEntry>> {
        self.former.iter().chain([&self.entries])
    }
}
