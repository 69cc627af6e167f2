//! Rows that are read again: what shard 0 does about a request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Shard;
use super::queue::What;
use crate::guard::{Guard, is_enforced};
use crate::publish::effect::ShardEffect;
use crate::publish::incremental_snapshot::{
    Barrier, BarrierId, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
    SnapshotStage, TableProgress,
};
use crate::publish::snapshot::{RangeId, SnapshotRange};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::value::Timestamp;

/// Numbers from here on are not those of a snapshot's ranges.
const FIRST: RangeId = RangeId(1 << 31);

/// How long changes go on after shards have waited for each other in vain, for what they waited.
const PATIENCE: u32 = 6;

#[derive(Default)]
pub(super) struct IncrementalSnapshots {
    requests: BTreeMap<RequestId, SnapshotRequest>,
    /// What is being read, or was last.
    now: Option<IncrementalSnapshot>,
    halted: BTreeMap<u32, Paused>,
    parts: BTreeMap<RangeId, RangeProgress>,
    /// Since when the stage waits: for changes that go on, or for shards to halt.
    since: Duration,
    /// How often in a row they have not.
    in_vain: u32,
}

impl IncrementalSnapshots {
    pub(super) fn stored(&mut self, reread: IncrementalSnapshot) {
        self.now = Some(reread);
    }

    pub(super) fn request(&mut self, id: &RequestId, value: Option<StateValue>) {
        match value {
            Some(StateValue::SnapshotRequest(request)) => self.requests.insert(id.clone(), request),
            _ => self.requests.remove(id),
        };
    }

    pub(super) fn halted(&mut self, shard: u32, halted: Option<Paused>) {
        match halted {
            Some(halted) => self.halted.insert(shard, halted),
            None => self.halted.remove(&shard),
        };
    }

    pub(super) fn part(&mut self, id: RangeId, part: Option<RangeProgress>) {
        match part {
            Some(part) => self.parts.insert(id, part),
            None => self.parts.remove(&id),
        };
    }

    fn stage(&self) -> Option<SnapshotStage> {
        self.now.as_ref().map(|reread| reread.stage)
    }

    /// Its request has been taken back.
    fn is_cancelled(&self, reread: &IncrementalSnapshot) -> bool {
        !self.requests.contains_key(&reread.request)
    }
}

impl<D> Shard<D> {
    /// Ranges of a table that together hold every row, or why it cannot be read.
    pub fn add_table_ranges(
        &mut self,
        table: &str,
        divided: Result<Vec<SnapshotRange>, Arc<str>>,
        now: Duration,
    ) {
        let Some(mut reread) = self.take_reread(|reread| reread.stage == SnapshotStage::Dividing) else {
            return;
        };
        if reread.tables.first().is_none_or(|first| **first != *table) {
            self.rereads.now = Some(reread);
            return;
        }
        let told = reread.table_progress.entry(table.into()).or_default();
        match divided {
            Ok(ranges) => reread.ranges = ranges,
            Err(why) => told.error = Some(why),
        }
        self.after_hold(reread, Vec::new(), true, now);
    }

    /// True while changes are held until the pipeline's watermark is past them.
    pub fn needs_watermark(&self) -> bool {
        self.is_running() && matches!(self.rereads.stage(), Some(SnapshotStage::AtBarrier(_)))
    }

    /// Every change of the pipeline, of whichever shard, with an earlier commit timestamp is published, as far as that is
    /// known. To be called again and again, also when nothing is known: what is read again has its times.
    pub fn observe_watermark(&mut self, watermark: Option<Timestamp>, now: Duration) {
        if self.is_running()
            && let Some(SnapshotStage::AtBarrier(at)) = self.rereads.stage()
            && (watermark.is_some_and(|watermark| watermark > at)
                || !is_enforced(Guard::ChangesBeforeTheirRows))
        {
            self.read_part(at, now);
        }
        self.coordinate(now);
    }

    /// The request that is being carried out, or was last; in shard 0.
    pub fn incremental_snapshot(&self) -> Option<&IncrementalSnapshot> {
        self.rereads.now.as_ref()
    }

    /// At the beginning of a life.
    pub(super) fn coordinate_anew(&mut self, now: Duration) {
        self.rereads.since = now;
        if let Some(IncrementalSnapshot { stage: SnapshotStage::Dividing, tables, .. }) = &self.rereads.now
            && let Some(table) = tables.first()
        {
            self.effects.push_back(ShardEffect::DivideTable { table: table.clone() });
        }
        self.coordinate(now);
    }

    /// The next step of what is to be read again, if it is due.
    pub(super) fn coordinate(&mut self, now: Duration) {
        let begun = self.origin.as_ref().is_some_and(|origin| origin.snapshot.is_none());
        if self.config.index != 0 || !self.is_running() || !begun {
            return;
        }
        let Some(reread) = &self.rereads.now else { return self.next_request(now) };
        let cancelled = self.rereads.is_cancelled(reread);
        match reread.stage {
            SnapshotStage::Done => self.next_request(now),
            // Once they have gone on, all tokens must come to where they are held before they go further.
            SnapshotStage::Dividing | SnapshotStage::Resumed | SnapshotStage::PausingShards if cancelled => {
                if let Some(reread) = self.take_reread(|_| true) {
                    let state = self.holds(None);
                    self.after_hold(reread, state, false, now);
                }
            }
            SnapshotStage::Resumed if now >= self.rereads.since + self.pause() => {
                if let Some(reread) = self.take_reread(|_| true) {
                    self.halt_all(reread, now);
                }
            }
            SnapshotStage::PausingShards => {
                self.hold_all(now);
                self.halt_in_vain(now);
            }
            SnapshotStage::Reading { first, .. } => self.parts_read(first, now),
            SnapshotStage::Dividing | SnapshotStage::Resumed | SnapshotStage::AtBarrier(_) => {}
        }
    }

    fn next_request(&mut self, now: Duration) {
        let Some((id, request)) = self.rereads.requests.first_key_value() else { return };
        let next_range = self.rereads.now.as_ref().map_or(FIRST, |last| last.next_range);
        let reread = IncrementalSnapshot {
            request: id.clone(),
            stage: SnapshotStage::Dividing,
            round: 0,
            tables: request.tables.clone(),
            ranges: Vec::new(),
            next_range,
            table_progress: BTreeMap::new(),
            cancelled: false,
        };
        self.next_table(reread, Vec::new(), now);
    }

    /// The first table, or the end of the request.
    fn next_table(&mut self, reread: IncrementalSnapshot, mut state: Vec<StateRecord>, now: Duration) {
        match reread.tables.first() {
            Some(table) if !self.rereads.is_cancelled(&reread) => {
                self.effects.push_back(ShardEffect::DivideTable { table: table.clone() });
                self.step(IncrementalSnapshot { stage: SnapshotStage::Dividing, ..reread }, state, now);
            }
            left => {
                let cancelled = left.is_some();
                self.rereads.requests.remove(&reread.request);
                state.push(self.own(StateKey::SnapshotRequest(reread.request.clone()), None));
                let done = IncrementalSnapshot {
                    stage: SnapshotStage::Done,
                    ranges: Vec::new(),
                    cancelled,
                    ..reread
                };
                self.step(done, state, now);
                self.next_request(now);
            }
        }
    }

    fn pause(&self) -> Duration {
        match self.rereads.in_vain {
            0 => self.config.limits.max_barrier_time,
            _ => self.patience() * PATIENCE,
        }
    }

    /// How long shards wait for each other.
    fn patience(&self) -> Duration {
        self.config.limits.barrier_timeout * (1 << self.rereads.in_vain.min(6))
    }

    /// A shard that nobody owns, or that waits for something, does not stop the others for long.
    fn halt_in_vain(&mut self, now: Duration) {
        let is_late = now >= self.rereads.since + self.patience();
        if let Some(reread) =
            self.take_reread(|reread| is_late && reread.stage == SnapshotStage::PausingShards)
        {
            self.rereads.in_vain += 1;
            let state = self.holds(None);
            self.after_hold(reread, state, false, now);
        }
    }

    /// Asks all shards to publish nothing more.
    fn halt_all(&mut self, mut reread: IncrementalSnapshot, now: Duration) {
        self.rereads.since = now;
        reread.round += 1;
        reread.stage = SnapshotStage::PausingShards;
        let id = BarrierId { request: reread.request.clone(), round: reread.round };
        let state = self.holds(Some(Barrier { id, at: None }));
        self.step(reread, state, now);
    }

    /// Tells all shards where to hold, when all have halted.
    fn hold_all(&mut self, now: Duration) {
        let Some(reread) = &self.rereads.now else { return };
        let id = BarrierId { request: reread.request.clone(), round: reread.round };
        let halted = self.rereads.halted.values().filter(|halted| halted.id == id);
        let have_halted = halted.clone().count() == self.config.shards as usize;
        if !have_halted && is_enforced(Guard::AllShardsPauseFirst) {
            return;
        }
        // A pipeline that has emitted nothing has nothing behind its start.
        let start = self.origin.as_ref().map(|origin| origin.start);
        let furthest = halted.filter_map(|halted| halted.at).max().or(start);
        let Some(at) = furthest.into_iter().chain(self.config.end).min().max(start) else { return };
        let Some(mut reread) = self.rereads.now.take() else { return };
        reread.stage = SnapshotStage::AtBarrier(at);
        self.rereads.in_vain = 0;
        let mut state = self.holds(Some(Barrier { id, at: Some(at) }));
        let halted = std::mem::take(&mut self.rereads.halted);
        state.extend(halted.into_keys().map(|shard| self.own(StateKey::Paused(shard), None)));
        self.step(reread, state, now);
    }

    /// Gives the shards their ranges, as of the hold.
    fn read_part(&mut self, at: Timestamp, now: Duration) {
        let Some(mut reread) = self.rereads.now.take() else { return };
        let first = reread.next_range;
        let ranges = std::mem::take(&mut reread.ranges);
        reread.stage = SnapshotStage::Reading { at, first };
        reread.next_range =
            RangeId(first.0 + u32::try_from(ranges.len()).expect("ranges of a table are few"));
        let shards = self.config.shards;
        let record = |(number, range): (u32, SnapshotRange)| StateRecord {
            shard: number % shards,
            key: StateKey::Range(RangeId(number)),
            value: Some(StateValue::Range(SnapshotRange { at, rows: 0, ..range })),
        };
        let state = (first.0..).zip(ranges).map(record).collect();
        self.step(reread, state, now);
    }

    /// Lets changes go on when all ranges are read, as far as they are.
    fn parts_read(&mut self, first: RangeId, now: Duration) {
        let Some(reread) = &self.rereads.now else { return };
        let ids = first.0..reread.next_range.0;
        let read = |id: u32| self.rereads.parts.contains_key(&RangeId(id));
        if !ids.clone().all(read) && is_enforced(Guard::RowsWithinBarrier) {
            return;
        }
        let Some(mut reread) = self.rereads.now.take() else { return };
        let parts = std::mem::take(&mut self.rereads.parts);
        let mut state = self.holds(None);
        for (id, RangeProgress { rows, remaining, error }) in parts {
            state.push(self.own(StateKey::RangeRead(id), None));
            let Some(table) = reread.tables.first() else { continue };
            let told: &mut TableProgress = reread.table_progress.entry(table.clone()).or_default();
            told.rows += rows;
            told.error = error.or(told.error.take());
            reread.ranges.extend(remaining);
        }
        self.after_hold(reread, state, false, now);
    }

    /// The rest of the table, with another hold, which may begin `at_once`; or the next table.
    fn after_hold(
        &mut self,
        mut reread: IncrementalSnapshot,
        state: Vec<StateRecord>,
        at_once: bool,
        now: Duration,
    ) {
        let cancelled = self.rereads.is_cancelled(&reread);
        if reread.ranges.is_empty() || cancelled {
            if !cancelled {
                reread.tables.remove(0);
            }
            return self.next_table(reread, state, now);
        }
        if at_once {
            return self.halt_all(reread, now);
        }
        self.rereads.since = now;
        self.step(IncrementalSnapshot { stage: SnapshotStage::Resumed, ..reread }, state, now);
    }

    fn step(&mut self, reread: IncrementalSnapshot, mut state: Vec<StateRecord>, now: Duration) {
        state.push(
            self.own(StateKey::IncrementalSnapshot, Some(StateValue::IncrementalSnapshot(reread.clone()))),
        );
        self.rereads.now = Some(reread);
        self.push(What::Step { state }, now);
    }

    fn take_reread(
        &mut self,
        if_so: impl FnOnce(&IncrementalSnapshot) -> bool,
    ) -> Option<IncrementalSnapshot> {
        self.rereads.now.take_if(|reread| if_so(reread))
    }

    /// The same for all shards.
    fn holds(&self, hold: Option<Barrier>) -> Vec<StateRecord> {
        let value = hold.map(StateValue::Barrier);
        let record = |shard| StateRecord { shard, key: StateKey::Barrier, value: value.clone() };
        (0..self.config.shards).map(record).collect()
    }
}
