//! The coordination of incremental snapshots, which shard 0 does for all shards.
//!
//! ```text
//!  request ─▶ Dividing ─▶ PausingShards ─▶ AtBarrier ─▶ Reading ─▶ next table, or Done
//!                │             ▲  │ timeout                 │ time is up: ranges remain
//!                │             │  ▼                         │
//!                └──────────▶ Resumed ◀─────────────────────┘
//! ```
//!
//! Each transition is one transaction of shard 0, which contains everything that follows from it: "Every
//! step is a transaction" (docs/design/publish-snapshots.md). After a crash, the next owner continues with
//! the stored stage. This component only decides. It leaves [`SnapshotAction`]s, which the shard carries
//! out in their order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::config::ShardConfig;
use super::ranges::assign_ranges;
use crate::guard::{Guard, is_enforced};
use crate::publish::incremental_snapshot::{
    Barrier, BarrierId, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
    SnapshotStage, TableProgress,
};
use crate::publish::snapshot::{RangeId, SnapshotRange};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::value::Timestamp;

/// The first range number of incremental snapshots. Lower numbers belong to the initial snapshot.
const FIRST_RANGE: RangeId = RangeId(1 << 31);

/// The time that publishing resumes after a barrier timeout, as a multiple of the timeout.
const RESUME_FACTOR: u32 = 6;

/// The maximum number of times that the barrier timeout is doubled.
const MAX_TIMEOUT_DOUBLINGS: u32 = 6;

/// The shard that keeps the requests and their progress.
const COORDINATOR: u32 = 0;

/// The incremental snapshots of a pipeline: the requests, and the progress of the current one.
#[derive(Default)]
pub(super) struct IncrementalSnapshots {
    requests: BTreeMap<RequestId, SnapshotRequest>,
    /// The progress of the current or last request.
    current: Option<IncrementalSnapshot>,
    paused: BTreeMap<u32, Paused>,
    range_progress: BTreeMap<RangeId, RangeProgress>,
    /// The time at which the current stage began, for `Resumed` and `PausingShards`.
    stage_since: Duration,
    /// The number of consecutive barrier timeouts.
    timeouts: u32,
    actions: Vec<SnapshotAction>,
}

/// An action that the shard carries out for this component.
pub(super) enum SnapshotAction {
    /// Commit these state records with the next transaction.
    Commit(Vec<StateRecord>),
    /// Ask the service to divide this table into ranges.
    DivideTable(Arc<str>),
}

impl IncrementalSnapshots {
    /// Restores the progress of the current or last request from the stored state.
    pub(super) fn restore(&mut self, progress: IncrementalSnapshot) {
        self.current = Some(progress);
    }

    /// Adds a request, or removes it when its record is deleted.
    pub(super) fn set_request(&mut self, id: &RequestId, request: Option<SnapshotRequest>) {
        match request {
            Some(request) => self.requests.insert(id.clone(), request),
            None => self.requests.remove(id),
        };
    }

    /// Records that a shard has paused, or the deletion of that record.
    pub(super) fn set_paused(&mut self, shard: u32, paused: Option<Paused>) {
        match paused {
            Some(paused) => self.paused.insert(shard, paused),
            None => self.paused.remove(&shard),
        };
    }

    /// Records the progress of a range at the current barrier, or the deletion of that record.
    pub(super) fn set_range_progress(&mut self, id: RangeId, progress: Option<RangeProgress>) {
        match progress {
            Some(progress) => self.range_progress.insert(id, progress),
            None => self.range_progress.remove(&id),
        };
    }

    /// The progress of the current or last request.
    pub(super) fn current(&self) -> Option<&IncrementalSnapshot> {
        self.current.as_ref()
    }

    /// Returns whether the coordination waits for the pipeline's watermark to pass the barrier.
    pub(super) fn needs_watermark(&self) -> bool {
        matches!(self.stage(), Some(SnapshotStage::AtBarrier(_)))
    }

    /// Takes the actions that have been decided, in their order.
    pub(super) fn take_actions(&mut self) -> Vec<SnapshotAction> {
        std::mem::take(&mut self.actions)
    }

    /// Continues with the stored stage at the start of an owner.
    pub(super) fn resume(&mut self, now: Duration) {
        self.stage_since = now;
        if let Some(IncrementalSnapshot { stage: SnapshotStage::Dividing, tables, .. }) = &self.current
            && let Some(table) = tables.first()
        {
            self.actions.push(SnapshotAction::DivideTable(table.clone()));
        }
    }

    /// Adds the ranges of the table that is being divided, or the reason why it cannot be read.
    pub(super) fn add_table_ranges(
        &mut self,
        config: &ShardConfig,
        table: &str,
        ranges: Result<Vec<SnapshotRange>, Arc<str>>,
        now: Duration,
    ) {
        let is_dividing = |current: &mut IncrementalSnapshot| {
            current.stage == SnapshotStage::Dividing
                && current.tables.first().is_some_and(|first| **first == *table)
        };
        let Some(mut current) = self.current.take_if(is_dividing) else { return };
        let progress = current.table_progress.entry(table.into()).or_default();
        match ranges {
            Ok(ranges) => current.ranges = ranges,
            Err(error) => progress.error = Some(error),
        }
        self.end_round(config, current, Vec::new(), true, now);
    }

    /// Starts the reading of rows if the watermark has passed the barrier.
    pub(super) fn observe_watermark(&mut self, config: &ShardConfig, watermark: Option<Timestamp>) {
        if let Some(SnapshotStage::AtBarrier(at)) = self.stage()
            && (watermark.is_some_and(|watermark| watermark > at)
                || !is_enforced(Guard::ChangesBeforeTheirRows))
        {
            self.start_reading(config, at);
        }
    }

    /// Takes the next step, if it is due. `start` is the start of the pipeline's changes.
    pub(super) fn advance(&mut self, config: &ShardConfig, start: Timestamp, now: Duration) {
        let Some(current) = &self.current else { return self.start_next_request() };
        let is_cancelled = self.is_cancelled(current);
        match current.stage {
            SnapshotStage::Done => self.start_next_request(),
            // Once the barrier has a timestamp, all tokens have to reach it before publishing may resume.
            SnapshotStage::Dividing | SnapshotStage::Resumed | SnapshotStage::PausingShards
                if is_cancelled =>
            {
                self.resume_publishing(config, now);
            }
            SnapshotStage::Resumed if now >= self.stage_since + self.resume_time(config) => {
                if let Some(current) = self.current.take() {
                    self.pause_shards(config, current, now);
                }
            }
            SnapshotStage::PausingShards => {
                self.set_barrier(config, start);
                self.check_timeout(config, now);
            }
            SnapshotStage::Reading { first, .. } => self.finish_reading(config, first, now),
            SnapshotStage::Dividing | SnapshotStage::Resumed | SnapshotStage::AtBarrier(_) => {}
        }
    }

    fn stage(&self) -> Option<SnapshotStage> {
        self.current.as_ref().map(|current| current.stage)
    }

    /// Returns whether the request's record was deleted before the request was done.
    fn is_cancelled(&self, current: &IncrementalSnapshot) -> bool {
        !self.requests.contains_key(&current.request)
    }

    fn start_next_request(&mut self) {
        let Some((id, request)) = self.requests.first_key_value() else { return };
        let next_range = self.current.as_ref().map_or(FIRST_RANGE, |last| last.next_range);
        let next = IncrementalSnapshot {
            request: id.clone(),
            stage: SnapshotStage::Dividing,
            round: 0,
            tables: request.tables.clone(),
            ranges: Vec::new(),
            next_range,
            table_progress: BTreeMap::new(),
            cancelled: false,
        };
        self.start_first_table(next, Vec::new());
    }

    /// Divides the first remaining table, or ends the request.
    fn start_first_table(&mut self, current: IncrementalSnapshot, mut state: Vec<StateRecord>) {
        match current.tables.first() {
            Some(table) if !self.is_cancelled(&current) => {
                self.actions.push(SnapshotAction::DivideTable(table.clone()));
                self.commit(IncrementalSnapshot { stage: SnapshotStage::Dividing, ..current }, state);
            }
            remaining => {
                let cancelled = remaining.is_some();
                self.requests.remove(&current.request);
                state.push(record(StateKey::SnapshotRequest(current.request.clone()), None));
                let done = IncrementalSnapshot {
                    stage: SnapshotStage::Done,
                    ranges: Vec::new(),
                    cancelled,
                    ..current
                };
                self.commit(done, state);
                self.start_next_request();
            }
        }
    }

    /// The time for which publishing resumes between two barriers.
    fn resume_time(&self, config: &ShardConfig) -> Duration {
        match self.timeouts {
            0 => config.limits.max_barrier_time,
            _ => self.barrier_timeout(config) * RESUME_FACTOR,
        }
    }

    /// The time that paused shards wait for the others.
    fn barrier_timeout(&self, config: &ShardConfig) -> Duration {
        config.limits.barrier_timeout * (1 << self.timeouts.min(MAX_TIMEOUT_DOUBLINGS))
    }

    /// Resumes publishing if a shard has not paused in time: "Barrier timeout"
    /// (docs/design/publish-snapshots.md). Nobody may own the shard, or it may wait for something itself.
    fn check_timeout(&mut self, config: &ShardConfig, now: Duration) {
        let is_late = now >= self.stage_since + self.barrier_timeout(config);
        if is_late && self.stage() == Some(SnapshotStage::PausingShards) {
            self.timeouts += 1;
            self.resume_publishing(config, now);
        }
    }

    /// Removes the barrier and ends the round.
    fn resume_publishing(&mut self, config: &ShardConfig, now: Duration) {
        if let Some(current) = self.current.take() {
            let state = barrier_records(config, None);
            self.end_round(config, current, state, false, now);
        }
    }

    /// Asks all shards to pause.
    fn pause_shards(&mut self, config: &ShardConfig, mut current: IncrementalSnapshot, now: Duration) {
        self.stage_since = now;
        current.round += 1;
        current.stage = SnapshotStage::PausingShards;
        let state = barrier_records(config, Some(Barrier { id: barrier_id(&current), at: None }));
        self.commit(current, state);
    }

    /// Sends all shards the barrier's timestamp, if all have paused.
    fn set_barrier(&mut self, config: &ShardConfig, start: Timestamp) {
        let Some(current) = &self.current else { return };
        let id = barrier_id(current);
        let paused = self.paused.values().filter(|paused| paused.id == id);
        let have_all_paused = paused.clone().count() == config.shards as usize;
        if !have_all_paused && is_enforced(Guard::AllShardsPauseFirst) {
            return;
        }
        // A pipeline that has published nothing has reached its start.
        let latest = paused.filter_map(|paused| paused.at).max().unwrap_or(start);
        let at = config.end.map_or(latest, |end| latest.min(end)).max(start);
        let Some(mut current) = self.current.take() else { return };
        current.stage = SnapshotStage::AtBarrier(at);
        self.timeouts = 0;
        let mut state = barrier_records(config, Some(Barrier { id, at: Some(at) }));
        let paused = std::mem::take(&mut self.paused);
        state.extend(paused.into_keys().map(|shard| record(StateKey::Paused(shard), None)));
        self.commit(current, state);
    }

    /// Assigns the remaining ranges of the table to the shards, to be read as of the barrier.
    fn start_reading(&mut self, config: &ShardConfig, at: Timestamp) {
        let Some(mut current) = self.current.take() else { return };
        let first = current.next_range;
        let ranges = std::mem::take(&mut current.ranges);
        current.stage = SnapshotStage::Reading { at, first };
        let count = u32::try_from(ranges.len()).expect("a table has fewer than 2^32 ranges");
        current.next_range = RangeId(first.0 + count);
        let ranges = ranges.into_iter().map(|range| SnapshotRange { at, rows: 0, ..range });
        let state = assign_ranges(first, ranges, config.shards);
        self.commit(current, state);
    }

    /// Removes the barrier when every range has been read, to its end or until the time was up.
    fn finish_reading(&mut self, config: &ShardConfig, first: RangeId, now: Duration) {
        let Some(current) = &self.current else { return };
        let mut ids = first.0..current.next_range.0;
        let has_ended = |id: u32| self.range_progress.contains_key(&RangeId(id));
        if !ids.all(has_ended) && is_enforced(Guard::RowsWithinBarrier) {
            return;
        }
        let Some(mut current) = self.current.take() else { return };
        let mut state = barrier_records(config, None);
        for (id, RangeProgress { rows, remaining, error }) in std::mem::take(&mut self.range_progress) {
            state.push(record(StateKey::RangeRead(id), None));
            let Some(table) = current.tables.first() else { continue };
            let progress: &mut TableProgress = current.table_progress.entry(table.clone()).or_default();
            progress.rows += rows;
            progress.error = error.or(progress.error.take());
            current.ranges.extend(remaining);
        }
        self.end_round(config, current, state, false, now);
    }

    /// Continues with the rest of the table at another barrier, or with the next table. The barrier may
    /// begin at once if publishing has not been held up before.
    fn end_round(
        &mut self,
        config: &ShardConfig,
        mut current: IncrementalSnapshot,
        state: Vec<StateRecord>,
        pauses_at_once: bool,
        now: Duration,
    ) {
        let is_cancelled = self.is_cancelled(&current);
        if current.ranges.is_empty() || is_cancelled {
            if !is_cancelled {
                current.tables.remove(0);
            }
            return self.start_first_table(current, state);
        }
        if pauses_at_once {
            return self.pause_shards(config, current, now);
        }
        self.stage_since = now;
        self.commit(IncrementalSnapshot { stage: SnapshotStage::Resumed, ..current }, state);
    }

    fn commit(&mut self, current: IncrementalSnapshot, mut state: Vec<StateRecord>) {
        let value = StateValue::IncrementalSnapshot(current.clone());
        state.push(record(StateKey::IncrementalSnapshot, Some(value)));
        self.current = Some(current);
        self.actions.push(SnapshotAction::Commit(state));
    }
}

fn barrier_id(current: &IncrementalSnapshot) -> BarrierId {
    BarrierId { request: current.request.clone(), round: current.round }
}

/// Returns the records that set or remove the barrier of every shard.
fn barrier_records(config: &ShardConfig, barrier: Option<Barrier>) -> Vec<StateRecord> {
    let value = barrier.map(StateValue::Barrier);
    let record = |shard| StateRecord { shard, key: StateKey::Barrier, value: value.clone() };
    (0..config.shards).map(record).collect()
}

fn record(key: StateKey, value: Option<StateValue>) -> StateRecord {
    StateRecord { shard: COORDINATOR, key, value }
}
