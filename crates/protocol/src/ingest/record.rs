//! Records on their way to a commit.

use std::time::Duration;

use super::change::Change;
use super::failure::Failure;
use super::position::{Offset, Partition};

/// A record as the service adds it.
#[derive(Debug)]
pub struct Record<P> {
    /// The record's offset.
    pub offset: Offset,
    /// The record's changes. Empty if it is filtered out.
    pub changes: Result<Vec<Change>, Failure>,
    /// The raw record, for its dead letter.
    pub payload: P,
    /// The size of the raw record in bytes.
    pub size: usize,
}

/// A record that waits for its commit.
#[derive(Debug)]
pub(super) struct PendingRecord<P> {
    pub(super) partition: Partition,
    /// The generation of the partition in which the record was added.
    pub(super) generation: u64,
    pub(super) offset: Offset,
    /// True if the record is a replayed dead letter, whose offset precedes the position. A batch holds
    /// either only replayed records or none.
    pub(super) is_replay: bool,
    /// The record's changes. A failure makes the record a dead letter.
    pub(super) changes: Result<Vec<Change>, Failure>,
    pub(super) payload: P,
    /// The size in memory in bytes.
    pub(super) size: usize,
    pub(super) arrived: Duration,
}

impl<P> PendingRecord<P> {
    /// Creates a pending record that arrives now.
    pub(super) fn new(
        partition: &Partition,
        generation: u64,
        record: Record<P>,
        is_replay: bool,
        now: Duration,
    ) -> Self {
        let changes = record.changes.iter().flatten().map(Change::size).sum::<usize>();
        Self {
            partition: partition.clone(),
            generation,
            offset: record.offset,
            is_replay,
            changes: record.changes,
            payload: record.payload,
            size: record.size + changes,
            arrived: now,
        }
    }
}
