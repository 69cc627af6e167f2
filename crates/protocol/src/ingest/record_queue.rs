//! The queue of records that wait for their commit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::position::{Offset, Partition};
use super::record::PendingRecord;

/// A queue of records, by partition.
#[derive(Debug)]
pub(super) struct RecordQueue<P> {
    partitions: BTreeMap<Partition, VecDeque<PendingRecord<P>>>,
    len: usize,
    bytes: usize,
}

/// The records of a queue that may be taken now.
#[derive(Default)]
pub(super) struct ReadyRecords {
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// The arrival of the oldest record.
    pub(super) oldest: Option<Duration>,
}

impl<P> RecordQueue<P> {
    /// Creates an empty queue.
    pub(super) fn new() -> Self {
        Self { partitions: BTreeMap::new(), len: 0, bytes: 0 }
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The size of all records in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether a record of the partition waits.
    pub(super) fn contains(&self, partition: &Partition) -> bool {
        self.partitions.get(partition).is_some_and(|records| !records.is_empty())
    }

    /// Adds a record at the end of its partition.
    pub(super) fn push(&mut self, record: PendingRecord<P>) {
        self.len += 1;
        self.bytes += record.size;
        self.partitions.entry(record.partition.clone()).or_default().push_back(record);
    }

    /// Sums up the records of the partitions that are not busy.
    pub(super) fn ready(&self, busy: &BTreeSet<Partition>) -> ReadyRecords {
        let mut ready = ReadyRecords::default();
        for records in self.free(busy) {
            ready.count += records.len();
            ready.bytes += records.iter().map(|record| record.size).sum::<usize>();
            let first = records.front().map(|record| record.arrived);
            ready.oldest = [ready.oldest, first].into_iter().flatten().min();
        }
        ready
    }

    /// Takes at most `max_records` records of at most `max_bytes` together, but at least one, of the
    /// partitions that are not busy.
    ///
    /// One partition is emptied before the next one is started, and the one that has waited longest comes
    /// first. So partitions with little traffic share a commit, and one with heavy traffic leaves the
    /// others to other commits: "One commit per partition" (docs/design/ingest-batches.md).
    pub(super) fn take(
        &mut self,
        busy: &BTreeSet<Partition>,
        max_records: usize,
        max_bytes: usize,
    ) -> Vec<PendingRecord<P>> {
        let mut order: Vec<(Duration, Partition)> = self
            .free(busy)
            .filter_map(|records| records.front())
            .map(|record| (record.arrived, record.partition.clone()))
            .collect();
        order.sort_unstable();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        'partitions: for (_, partition) in order {
            let Some(records) = self.partitions.get_mut(&partition) else { continue };
            while let Some(record) = records.front() {
                if taken.len() == max_records || (bytes > 0 && bytes + record.size > max_bytes) {
                    break 'partitions;
                }
                bytes += record.size;
                taken.extend(records.pop_front());
            }
        }
        self.len -= taken.len();
        self.bytes -= bytes;
        taken
    }

    /// Drops the records of a partition from an offset on.
    pub(super) fn drop_from(&mut self, partition: &Partition, offset: Offset) {
        let Some(records) = self.partitions.get_mut(partition) else { return };
        let kept = records.partition_point(|record| record.offset < offset);
        for dropped in records.drain(kept..) {
            self.len -= 1;
            self.bytes -= dropped.size;
        }
        if records.is_empty() {
            self.partitions.remove(partition);
        }
    }

    fn free<'a>(
        &'a self,
        busy: &'a BTreeSet<Partition>,
    ) -> impl Iterator<Item = &'a VecDeque<PendingRecord<P>>> {
        let free = self.partitions.iter().filter(|(partition, _)| !busy.contains(*partition));
        free.map(|(_, records)| records)
    }
}
