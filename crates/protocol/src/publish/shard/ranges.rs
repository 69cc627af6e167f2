//! The ranges of rows that a shard reads, for the initial snapshot or for an incremental one.
//!
//! Shard 0 also keeps the set of all ranges that have been read, whichever shard read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::publish::snapshot::{InitialSnapshot, RangeId, SnapshotRange};
use crate::publish::state::{StateKey, StateRecord, StateValue};

/// The ranges of a shard.
#[derive(Default)]
pub(super) struct SnapshotRanges {
    /// The ranges that are not read to their end.
    open: BTreeMap<RangeId, SnapshotRange>,
    /// The ranges that this owner has started. Its own state records come back and must not start them
    /// again.
    started: BTreeSet<RangeId>,
    /// In shard 0: the ranges of the initial snapshot that have been read.
    read: BTreeSet<RangeId>,
}

impl SnapshotRanges {
    /// Restores a range, or its deletion, from the stored state.
    pub(super) fn restore_range(&mut self, id: RangeId, range: Option<SnapshotRange>) {
        match range {
            Some(range) => self.open.insert(id, range),
            None => self.open.remove(&id),
        };
    }

    /// Restores the fact that a range has been read, or its deletion, from the stored state.
    pub(super) fn restore_read(&mut self, id: RangeId, is_read: bool) {
        if is_read {
            self.read.insert(id);
        } else {
            self.read.remove(&id);
        }
    }

    /// Forgets which finished ranges were started: all their state records have come back.
    pub(super) fn forget_finished(&mut self) {
        self.started.retain(|id| self.open.contains_key(id));
    }

    /// Starts a range. Returns false if this owner has started it before.
    pub(super) fn start(&mut self, id: RangeId, range: SnapshotRange) -> bool {
        let is_new = self.started.insert(id);
        if is_new {
            self.open.insert(id, range);
        }
        is_new
    }

    /// Moves a range behind the row of key `last`. Returns the unread part, unless the range has ended.
    /// `counted_rows` is added to the rows published at the current barrier.
    pub(super) fn advance(
        &mut self,
        id: RangeId,
        last: Arc<str>,
        counted_rows: u64,
    ) -> Option<SnapshotRange> {
        let range = self.open.get_mut(&id)?;
        range.after = Some(last);
        range.rows += counted_rows;
        Some(range.clone())
    }

    /// Removes a range that is not read any further.
    pub(super) fn remove(&mut self, id: RangeId) -> Option<SnapshotRange> {
        self.open.remove(&id)
    }

    /// Returns the ranges that are not read to their end.
    pub(super) fn open(&self) -> BTreeMap<RangeId, SnapshotRange> {
        self.open.clone()
    }

    /// The number of ranges that are not read to their end.
    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Adds a range of the initial snapshot that has been read. Returns false if it is known already.
    pub(super) fn add_read(&mut self, id: RangeId) -> bool {
        self.read.insert(id)
    }

    /// Returns whether all ranges of the initial snapshot have been read.
    pub(super) fn are_all_read(&self, snapshot: InitialSnapshot) -> bool {
        usize::try_from(snapshot.ranges).is_ok_and(|count| self.read.len() == count)
    }

    /// Takes the set of ranges that have been read, whose records are to be deleted.
    pub(super) fn take_read(&mut self) -> BTreeSet<RangeId> {
        std::mem::take(&mut self.read)
    }
}

/// Returns the records that assign ranges, numbered from `first`, to the shards in turn.
pub(super) fn assign_ranges(
    first: RangeId,
    ranges: impl IntoIterator<Item = SnapshotRange>,
    shards: u32,
) -> Vec<StateRecord> {
    let record = |(number, range): (u32, SnapshotRange)| StateRecord {
        shard: number % shards,
        key: StateKey::Range(RangeId(number)),
        value: Some(StateValue::Range(range)),
    };
    (first.0..).zip(ranges).map(record).collect()
}
