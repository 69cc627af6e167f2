//! The queue of records that wait for their commit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::change::Change;
use super::dead_letter::Failure;
use super::position::{Offset, Partition};

/// One record on its way to a commit.
pub(super) struct Entry<P> {
    pub(super) partition: Partition,
    pub(super) generation: u64,
    pub(super) offset: Offset,
    /// A dead letter's record, which lies behind the position. A batch has none such, or only such.
    pub(super) replay: bool,
    /// What it changes; nothing when it is filtered out, a failure when it goes to the dead letters.
    pub(super) changes: Result<Vec<Change>, Failure>,
    pub(super) payload: P,
    pub(super) size: usize,
    pub(super) arrived: Duration,
}

pub(super) struct Queue<P> {
    partitions: BTreeMap<Partition, VecDeque<Entry<P>>>,
    len: usize,
    bytes: usize,
}

/// What of a queue may be taken now.
#[derive(Default)]
pub(super) struct Ready {
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// When the oldest of it came.
    pub(super) oldest: Option<Duration>,
}

impl<P> Queue<P> {
    pub(super) fn new() -> Self {
        Self { partitions: BTreeMap::new(), len: 0, bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn holds(&self, partition: &Partition) -> bool {
        self.partitions.get(partition).is_some_and(|entries| !entries.is_empty())
    }

    pub(super) fn push(&mut self, entry: Entry<P>) {
        self.len += 1;
        self.bytes += entry.size;
        self.partitions.entry(entry.partition.clone()).or_default().push_back(entry);
    }

    /// What waits of the partitions that are not busy.
    pub(super) fn ready(&self, busy: &BTreeSet<Partition>) -> Ready {
        let mut ready = Ready::default();
        for entries in self.free(busy) {
            ready.records += entries.len();
            ready.bytes += entries.iter().map(|entry| entry.size).sum::<usize>();
            let first = entries.front().map(|entry| entry.arrived);
            ready.oldest = [ready.oldest, first].into_iter().flatten().min();
        }
        ready
    }

    /// Takes up to `records` entries of up to `bytes` together, but at least one, of the partitions that
    /// are not busy. One partition is emptied before the next is begun, the one that waits longest first:
    /// thin traffic shares a commit, heavy traffic leaves the other partitions to other commits.
    pub(super) fn take(&mut self, busy: &BTreeSet<Partition>, records: usize, bytes: usize) -> Vec<Entry<P>> {
        let mut order: Vec<(Duration, Partition)> = self
            .free(busy)
            .filter_map(|entries| entries.front())
            .map(|entry| (entry.arrived, entry.partition.clone()))
            .collect();
        order.sort_unstable();
        let (mut taken, mut sum) = (Vec::new(), 0);
        'partitions: for (_, partition) in order {
            let Some(entries) = self.partitions.get_mut(&partition) else { continue };
            while let Some(entry) = entries.front() {
                if taken.len() == records || (sum > 0 && sum + entry.size > bytes) {
                    break 'partitions;
                }
                sum += entry.size;
                taken.extend(entries.pop_front());
            }
        }
        self.len -= taken.len();
        self.bytes -= sum;
        taken
    }

    /// Drops a partition's entries, from that offset on.
    pub(super) fn drop_from(&mut self, partition: &Partition, offset: Offset) {
        let Some(entries) = self.partitions.get_mut(partition) else { return };
        let kept = entries.partition_point(|entry| entry.offset < offset);
        for dropped in entries.drain(kept..) {
            self.len -= 1;
            self.bytes -= dropped.size;
        }
        if entries.is_empty() {
            self.partitions.remove(partition);
        }
    }

    fn free<'a>(&'a self, busy: &'a BTreeSet<Partition>) -> impl Iterator<Item = &'a VecDeque<Entry<P>>> {
        let free = self.partitions.iter().filter(|(partition, _)| !busy.contains(*partition));
        free.map(|(_, entries)| entries)
    }
}
