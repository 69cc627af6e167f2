//! The snapshot of a new pipeline: each shard reads some ranges, and the tokens begin when all are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Shard;
use super::queue::What;
use crate::guard::{Guard, is_enforced};
use crate::publish::effect::ShardEffect;
use crate::publish::incremental_snapshot::RangeProgress;
use crate::publish::snapshot::{InitialSnapshot, RangeId, SnapshotRange, behind};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::value::Timestamp;

/// The ranges of a shard; in shard 0 also which of all have been read.
#[derive(Default)]
pub(super) struct Ranges {
    open: BTreeMap<RangeId, SnapshotRange>,
    /// Those that this life has begun: what it writes itself comes back.
    begun: BTreeSet<RangeId>,
    read: BTreeSet<RangeId>,
}

impl Ranges {
    /// A record that was there before this life.
    pub(super) fn stored(&mut self, id: RangeId, range: Option<SnapshotRange>) {
        match range {
            Some(range) => self.open.insert(id, range),
            None => self.open.remove(&id),
        };
    }

    /// A note that was there before this life.
    pub(super) fn note(&mut self, id: RangeId, read: bool) {
        if read {
            self.read.insert(id);
        } else {
            self.read.remove(&id);
        }
    }

    /// All that older ranges have left in the log has come back.
    pub(super) fn forget_begun(&mut self) {
        self.begun.retain(|id| self.open.contains_key(id));
    }

    fn are_all_read(&self, snapshot: InitialSnapshot) -> bool {
        usize::try_from(snapshot.ranges).is_ok_and(|all| self.read.len() == all)
    }
}

impl<D> Shard<D> {
    /// The tables have been divided into these ranges, all to be read at `at`: the changes begin behind it.
    ///
    /// # Panics
    /// On a range of another time.
    pub fn add_snapshot_ranges(&mut self, at: Timestamp, ranges: Vec<SnapshotRange>, now: Duration) {
        assert!(ranges.iter().all(|range| range.at == at), "a snapshot is of one timestamp");
        let count = u32::try_from(ranges.len()).expect("ranges are counted in 32 bits");
        let shards = self.config.shards;
        let state = (0..).zip(ranges).map(|(number, range)| StateRecord {
            shard: number % shards,
            key: StateKey::Range(RangeId(number)),
            value: Some(StateValue::Range(range)),
        });
        self.begin(behind(at), Some(InitialSnapshot { at, ranges: count }), state.collect(), now);
        self.roots_if_read();
    }

    /// Rows of a range that follow on those handed in before, and the key of the last one. False when no more are
    /// wanted of it for now.
    pub fn add_rows(
        &mut self,
        id: RangeId,
        data: Vec<D>,
        size: usize,
        last: Arc<str>,
        now: Duration,
    ) -> bool {
        let (is_held, is_up) = (self.holding.is_some(), self.holding.is_time_up(now, &self.config.limits));
        let Some(range) = self.ranges.open.get_mut(&id) else { return false };
        range.after = Some(last);
        if is_held {
            range.rows += data.len() as u64;
        }
        let rest = range.clone();
        self.push(What::Page { id, rest, data, size }, now);
        if is_up {
            self.defer_range(id, now);
        }
        !is_up
    }

    /// The range has no more rows.
    pub fn finish_range(&mut self, id: RangeId, now: Duration) {
        self.end_range(id, now, |range, is_held| match is_held {
            true => {
                StateValue::RangeProgress(RangeProgress { rows: range.rows, remaining: None, error: None })
            }
            false => StateValue::RangeRead,
        });
    }

    /// What is left of a range that is read again waits for another hold, which is of another timestamp.
    pub fn defer_range(&mut self, id: RangeId, now: Duration) {
        self.end_part(id, now, |rows, range| RangeProgress { rows, remaining: Some(range), error: None });
    }

    /// What is left of a range that is read again cannot be read at all.
    pub fn abandon_range(&mut self, id: RangeId, why: Arc<str>, now: Duration) {
        self.end_part(id, now, |rows, _| RangeProgress { rows, remaining: None, error: Some(why) });
    }

    /// True while changes are held so that rows are read again.
    pub fn is_at_barrier(&self) -> bool {
        self.holding.is_some()
    }

    fn end_part(
        &mut self,
        id: RangeId,
        now: Duration,
        part: impl FnOnce(u64, SnapshotRange) -> RangeProgress,
    ) {
        self.end_range(id, now, |range, is_held| {
            assert!(is_held, "the rows of a snapshot are read to their end");
            StateValue::RangeProgress(part(range.rows, range))
        });
    }

    fn end_range(
        &mut self,
        id: RangeId,
        now: Duration,
        note: impl FnOnce(SnapshotRange, bool) -> StateValue,
    ) {
        let Some(range) = self.ranges.open.remove(&id) else { return };
        let value = Some(note(range, self.holding.is_some()));
        let note = StateRecord { shard: 0, key: StateKey::RangeRead(id), value };
        let state = vec![note, self.own(StateKey::Range(id), None)];
        self.push(What::RangeEnd { id, state }, now);
    }

    /// Ranges of this shard that are not read yet.
    pub fn open_range_count(&self) -> usize {
        self.ranges.open.len()
    }

    pub(super) fn begin_ranges(&mut self, now: Duration) {
        for (id, range) in self.ranges.open.clone() {
            self.begin_range(id, range, now);
        }
    }

    /// A range, from another shard or from ourselves.
    pub(super) fn begin_range(&mut self, id: RangeId, range: SnapshotRange, now: Duration) {
        if self.ranges.begun.insert(id) {
            self.holding.begin(now);
            self.ranges.open.insert(id, range.clone());
            self.effects.push_back(ShardEffect::ReadRange { id, range });
        }
    }

    /// A range has been read, by whichever shard.
    pub(super) fn range_read(&mut self, id: RangeId) {
        if self.ranges.read.insert(id) {
            self.roots_if_read();
        }
    }

    /// The tokens are asked for when the snapshot is behind us.
    pub(super) fn roots_if_read(&mut self) {
        if let Some(origin) = &self.origin
            && let Some(snapshot) = origin.snapshot
            && (self.ranges.are_all_read(snapshot) || !is_enforced(Guard::SnapshotBeforeChanges))
        {
            self.effects.push_back(ShardEffect::QueryRoots { start: Some(origin.start) });
        }
    }

    /// The notes of ranges, to be deleted when the tokens have theirs.
    pub(super) fn forget_ranges(&mut self) -> Vec<StateRecord> {
        let read = std::mem::take(&mut self.ranges.read);
        read.into_iter().map(|id| self.own(StateKey::RangeRead(id), None)).collect()
    }
}
