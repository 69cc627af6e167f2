//! The queue of records that wait for their commit.

use std::collections::VecDeque;
use std::time::Duration;

use super::change::Change;
use super::letter::Failure;
use super::position::{Offset, Partition};

/// One record on its way to a commit.
pub(super) struct Entry<P> {
    pub(super) partition: Partition,
    pub(super) generation: u64,
    pub(super) offset: Offset,
    /// What it changes; nothing when it is filtered out, a failure when it goes to the dead letters.
    pub(super) changes: Result<Vec<Change>, Failure>,
    pub(super) payload: P,
    pub(super) size: usize,
    pub(super) arrived: Duration,
}

pub(super) struct Queue<P> {
    entries: VecDeque<Entry<P>>,
    bytes: usize,
}

impl<P> Queue<P> {
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn oldest(&self) -> Option<Duration> {
        self.entries.front().map(|entry| entry.arrived)
    }

    pub(super) fn push(&mut self, entry: Entry<P>) {
        self.bytes += entry.size;
        self.entries.push_back(entry);
    }

    /// Takes up to `records` entries of up to `bytes` together, but at least one.
    pub(super) fn take(&mut self, records: usize, bytes: usize) -> Vec<Entry<P>> {
        let mut sum = 0;
        let within = self.entries.iter().take(records).take_while(|entry| {
            let fits = sum == 0 || sum + entry.size <= bytes;
            sum += entry.size;
            fits
        });
        let count = within.count();
        let taken: Vec<_> = self.entries.drain(..count).collect();
        self.bytes -= taken.iter().map(|entry| entry.size).sum::<usize>();
        taken
    }

    /// Puts entries back in front, in their order.
    pub(super) fn put_back(&mut self, entries: Vec<Entry<P>>) {
        for entry in entries.into_iter().rev() {
            self.bytes += entry.size;
            self.entries.push_front(entry);
        }
    }

    /// Drops a partition's entries, from that offset on.
    pub(super) fn drop_from(&mut self, partition: &Partition, offset: Offset) {
        self.entries.retain(|entry| entry.partition != *partition || entry.offset < offset);
        self.bytes = self.entries.iter().map(|entry| entry.size).sum();
    }
}
