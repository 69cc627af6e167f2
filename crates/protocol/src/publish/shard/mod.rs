//! The state machine of one shard, from the takeover to the loss of the shard.
//!
//! A [`Shard`] runs through three phases. It first fences the previous owner, then reads its partition of
//! the state topic up to a record that it has just written, then runs. While it runs, the service feeds it changes,
//! rows, the state records of other shards and the outcomes of its effects. The shard answers with
//! [`ShardEffect`]s, among them one Kafka transaction at a time.
//!
//! A shard never returns to an earlier phase. After a commit of unknown outcome, an abort, a fence, or a query
//! whose state is unclear, the service drops the shard with its producer and creates a new one: "Doubt
//! means a new epoch" (docs/design/publish-takeover.md).
//!
//! ```text
//!                     apply_state (state topic)
//!                              │
//!               ┌──────────────┼──────────────┬──────────────────┐
//!               ▼              ▼              ▼                  ▼
//!  changes ─▶ tokens       ranges ◀─ rows   barrier     incremental_snapshots
//!               │              │              │                  │ (shard 0 only)
//!               └──────────────┴──────┬───────┴──────────────────┘
//!                                     ▼ work items
//!                             transaction_queue ──▶ ShardEffect::Commit
//! ```
//!
//! Each component owns its fields, and answers with records or decisions. Only this file connects them:
//!
//! * `tokens`: the frontiers of the tokens, and the children that wait for their parents.
//! * `ranges`: the ranges of rows that this shard reads.
//! * `barrier`: the barrier of an incremental snapshot, as this shard sees it.
//! * `incremental_snapshots`: the coordination of incremental snapshots over all shards, in shard 0.
//! * `transaction_queue`: what waits for a Kafka transaction, and the frontiers that transactions store.
//! * `config`, `error`: what the service passes in, and why a shard cannot continue.

mod barrier;
mod config;
mod error;
mod incremental_snapshots;
mod ranges;
mod tokens;
mod transaction_queue;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::change_id::ChangeId;
use super::effect::{KafkaTransaction, ShardEffect};
use super::frontier::Frontier;
use super::incremental_snapshot::{Barrier, IncrementalSnapshot, RangeProgress};
use super::snapshot::{InitialSnapshot, RangeId, SnapshotRange, first_change_after};
use super::state::{Origin, ParentFinished, StateKey, StateRecord, StateValue, shard_of};
use super::token::{ChildTokens, Token};
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;
use barrier::AtBarrier;
use incremental_snapshots::{IncrementalSnapshots, SnapshotAction};
use ranges::{SnapshotRanges, assign_ranges};
use tokens::{TokenState, Tokens};
use transaction_queue::{TransactionQueue, WorkItem};

pub use config::ShardConfig;
pub use error::ShardError;

/// The state machine of one shard. `D` is a published record. Times are durations since any fixed
/// instant.
pub struct Shard<D> {
    config: ShardConfig,
    phase: ShardPhase,
    origin: Option<Origin>,
    tokens: Tokens,
    ranges: SnapshotRanges,
    barrier: AtBarrier,
    /// Used by shard 0 only.
    incremental_snapshots: IncrementalSnapshots,
    queue: TransactionQueue<D>,
    is_committing: bool,
    effects: VecDeque<ShardEffect<D>>,
}

enum ShardPhase {
    Initialising,
    /// The shard reads its partition of the state topic until its own nonce comes back. It has then read
    /// everything that was written before.
    Recovering {
        nonce: Arc<str>,
    },
    Running,
}

impl<D> Shard<D> {
    /// Creates a shard whose first effect is [`ShardEffect::InitTransactions`]. From then on, the service
    /// passes the shard's partition of the state topic to [`Self::apply_state`], from its beginning, read
    /// with `isolation.level=read_committed`.
    ///
    /// # Panics
    /// If the index is not below the number of shards, or if an atomic pipeline has several shards.
    pub fn new(config: ShardConfig) -> Self {
        assert!(config.index < config.shards, "shard {} of {}", config.index, config.shards);
        assert!(!config.atomic || config.shards == 1, "an atomic pipeline has one shard");
        Self {
            config,
            phase: ShardPhase::Initialising,
            origin: None,
            tokens: Tokens::default(),
            ranges: SnapshotRanges::default(),
            barrier: AtBarrier::default(),
            incremental_snapshots: IncrementalSnapshots::default(),
            queue: TransactionQueue::new(),
            is_committing: false,
            effects: VecDeque::from([ShardEffect::InitTransactions]),
        }
    }

    /// Takes the next effect to carry out.
    pub fn next_effect(&mut self) -> Option<ShardEffect<D>> {
        self.effects.pop_front()
    }

    // The takeover and the state topic.

    /// Starts the recovery after `init_transactions`, which has fenced the previous owner and aborted its
    /// open transaction. `nonce` must never have been used before.
    pub fn begin_recovery(&mut self, nonce: Arc<str>) {
        if !is_enforced(Guard::FenceBeforeRead) {
            self.run(Duration::ZERO);
            return;
        }
        let owner = self.own_record(StateKey::Owner, Some(StateValue::Owner(nonce.clone())));
        self.phase = ShardPhase::Recovering { nonce };
        self.is_committing = true;
        let transaction = KafkaTransaction { data: Vec::new(), state: vec![owner] };
        self.effects.push_back(ShardEffect::Commit(transaction));
    }

    /// Applies a record of the shard's partition of the state topic. Records come in log order.
    ///
    /// # Errors
    /// If the stored origin contradicts the configuration.
    pub fn apply_state(
        &mut self,
        key: StateKey,
        value: Option<StateValue>,
        now: Duration,
    ) -> Result<(), ShardError> {
        match (&self.phase, key, value) {
            (ShardPhase::Recovering { nonce }, StateKey::Owner, Some(StateValue::Owner(read)))
                if *nonce == read =>
            {
                self.run(now);
                Ok(())
            }
            (_, StateKey::Owner, _) => Ok(()),
            (ShardPhase::Running, key, value) => {
                self.receive(key, value, now);
                Ok(())
            }
            (_, key, value) => self.restore(key, value),
        }
    }

    /// Restores state that was written before this owner.
    fn restore(&mut self, key: StateKey, value: Option<StateValue>) -> Result<(), ShardError> {
        match (key, value) {
            (StateKey::Origin, Some(StateValue::Origin(origin))) => {
                self.config.check_origin(&origin)?;
                self.origin = Some(origin);
            }
            (StateKey::Token(token), Some(StateValue::Token(frontier))) => self.tokens.add(token, frontier),
            (StateKey::Token(token), _) => self.tokens.remove(&token),
            (StateKey::ParentFinished { child, parent }, Some(StateValue::ParentFinished(record))) => {
                self.tokens.add_finished_parent(child, parent, record);
            }
            (StateKey::ParentFinished { child, parent }, _) => {
                self.tokens.remove_finished_parent(&child, parent.as_ref());
            }
            (StateKey::Range(id), Some(StateValue::Range(range))) => {
                self.ranges.restore_range(id, Some(range));
            }
            (StateKey::Range(id), _) => self.ranges.restore_range(id, None),
            (StateKey::RangeRead(id), Some(StateValue::RangeProgress(progress))) => {
                self.incremental_snapshots.set_range_progress(id, Some(progress));
            }
            (StateKey::RangeRead(id), value) => {
                self.ranges.restore_read(id, value.is_some());
                self.incremental_snapshots.set_range_progress(id, None);
            }
            (StateKey::LatestChildStart, Some(StateValue::LatestChildStart(at))) => {
                self.barrier.add_child_start(at);
            }
            (StateKey::Barrier, value) => self.barrier.restore(barrier_of(value)),
            (StateKey::Paused(shard), Some(StateValue::Paused(paused))) => {
                self.incremental_snapshots.set_paused(shard, Some(paused));
            }
            (StateKey::Paused(shard), _) => self.incremental_snapshots.set_paused(shard, None),
            (StateKey::SnapshotRequest(id), value) => self.set_snapshot_request(&id, value),
            (StateKey::IncrementalSnapshot, Some(StateValue::IncrementalSnapshot(progress))) => {
                self.incremental_snapshots.restore(progress);
            }
            (
                StateKey::Owner
                | StateKey::Origin
                | StateKey::LatestChildStart
                | StateKey::IncrementalSnapshot,
                _,
            ) => {}
        }
        Ok(())
    }

    /// Receives a record that another shard, an operator or this shard has written while it runs.
    fn receive(&mut self, key: StateKey, value: Option<StateValue>, now: Duration) {
        match (key, value) {
            (StateKey::ParentFinished { child, parent }, Some(StateValue::ParentFinished(record))) => {
                // If the child is a token of this owner already, the record changes nothing.
                self.tokens.add_finished_parent(child.clone(), parent, record);
                self.start_if_ready(&child);
            }
            (StateKey::Range(id), Some(StateValue::Range(range))) => self.start_range(id, range, now),
            (StateKey::Barrier, value) => self.set_barrier(barrier_of(value), now),
            (StateKey::RangeRead(id), Some(StateValue::RangeProgress(progress))) => {
                self.incremental_snapshots.set_range_progress(id, Some(progress));
                self.advance_incremental_snapshot(now);
            }
            (StateKey::Paused(shard), Some(StateValue::Paused(paused))) => {
                self.incremental_snapshots.set_paused(shard, Some(paused));
                self.advance_incremental_snapshot(now);
            }
            (StateKey::SnapshotRequest(id), value) => {
                self.set_snapshot_request(&id, value);
                self.advance_incremental_snapshot(now);
            }
            (StateKey::RangeRead(id), Some(StateValue::RangeRead)) => self.add_read_range(id),
            // All other records are this shard's own. Its state in memory is at least as new.
            _ => {}
        }
    }

    fn run(&mut self, now: Duration) {
        self.phase = ShardPhase::Running;
        self.query_stopped_tokens();
        self.pause_if_asked(now);
        for (id, range) in self.ranges.open() {
            self.start_range(id, range, now);
        }
        if self.config.index == 0 {
            match &self.origin {
                Some(_) => self.query_roots_if_read(),
                None if self.config.snapshot => self.effects.push_back(ShardEffect::DivideSnapshot),
                None => self.effects.push_back(ShardEffect::QueryRoots { start: self.config.start }),
            }
            self.incremental_snapshots.resume(now);
            self.carry_out_snapshot_actions(now);
            self.advance_incremental_snapshot(now);
        }
    }

    // The start of a pipeline, and its tokens.

    /// Adds the root tokens that the change stream has at `start`, after the root query has ended.
    pub fn add_roots(&mut self, start: Timestamp, roots: Vec<Token>, now: Duration) {
        let read = self.ranges.take_read();
        let mut state: Vec<StateRecord> =
            read.into_iter().map(|id| self.own_record(StateKey::RangeRead(id), None)).collect();
        state.extend(
            roots.into_iter().map(|root| {
                self.parent_finished_record(root, None, ParentFinished { start, parents: vec![] })
            }),
        );
        self.set_origin(start, None, state, now);
        self.advance_incremental_snapshot(now);
    }

    /// Sets a new origin, in one transaction with `state`: the pipeline starts, or its changes do.
    fn set_origin(
        &mut self,
        start: Timestamp,
        snapshot: Option<InitialSnapshot>,
        mut state: Vec<StateRecord>,
        now: Duration,
    ) {
        let ShardConfig { shards, change_stream, .. } = &self.config;
        let origin = Origin { start, shards: *shards, change_stream: change_stream.clone(), snapshot };
        state.push(self.own_record(StateKey::Origin, Some(StateValue::Origin(origin.clone()))));
        self.origin = Some(origin);
        self.push(WorkItem::State { state }, now);
    }

    /// Adds a range of the initial snapshot that a shard has read.
    fn add_read_range(&mut self, id: RangeId) {
        if self.ranges.add_read(id) {
            self.query_roots_if_read();
        }
    }

    /// Queries the root tokens once the initial snapshot has been read.
    fn query_roots_if_read(&mut self) {
        if let Some(origin) = &self.origin
            && let Some(snapshot) = origin.snapshot
            && (self.ranges.are_all_read(snapshot) || !is_enforced(Guard::SnapshotBeforeChanges))
        {
            self.effects.push_back(ShardEffect::QueryRoots { start: Some(origin.start) });
        }
    }

    /// Queries all tokens that are not being read, up to the current end of publishing.
    fn query_stopped_tokens(&mut self) {
        self.effects.push_back(ShardEffect::SetEnd { end: self.end() });
        for (token, frontier) in self.tokens.stopped() {
            self.query(token, frontier);
        }
        for child in self.tokens.announced() {
            self.start_if_ready(&child);
        }
    }

    fn start_if_ready(&mut self, child: &Token) {
        if let Some(start) = self.tokens.ready_start(child) {
            let frontier = Frontier::new(start);
            // A child past the end waits for a later end. The records of its parents stay.
            if !self.is_past_end(start) {
                self.tokens.add(child.clone(), frontier.clone());
                self.query(child.clone(), frontier);
            }
        }
    }

    fn query(&mut self, token: Token, frontier: Frontier) {
        let start = frontier.at();
        if self.barrier.is_pausing() || self.is_past_end(start) {
            return;
        }
        self.queue.start_token(token.clone(), frontier);
        self.tokens.start(&token);
        self.effects.push_back(ShardEffect::QueryToken { token, start });
    }

    // The changes of a token.

    /// Returns whether a change record is still to be emitted. The service then transforms it and calls
    /// [`Self::add_change`].
    ///
    /// # Errors
    /// If the record precedes the token's frontier.
    pub fn should_emit(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: &ChangeId,
        now: Duration,
    ) -> Result<bool, ShardError> {
        let Some(state) = self.running_token(token) else { return Ok(false) };
        let frontier = state.frontier.at();
        if at < frontier {
            return Err(ShardError::Order { token: token.short().to_owned(), at, frontier });
        }
        let is_emitted = state.frontier.contains(at, id);
        if self.is_past_end(at) {
            // Every earlier change has been delivered, and none at this timestamp is emitted.
            self.add_heartbeat(token, at, now);
            return Ok(false);
        }
        self.barrier.expect_change(!is_emitted);
        Ok(!is_emitted)
    }

    /// Adds a change record that [`Self::should_emit`] has accepted. `data` holds all its records and is
    /// empty if the change is filtered out. `size` is in bytes.
    pub fn add_change(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: ChangeId,
        data: Vec<D>,
        size: usize,
        now: Duration,
    ) {
        self.barrier.expect_change(false);
        let Some(state) = self.running_token(token) else { return };
        state.frontier.add(at, id.clone());
        self.push(WorkItem::Change { token: token.clone(), at, id, data, size }, now);
        self.pause_if_asked(now);
    }

    /// Opens or closes the Spanner transaction of the changes that are being added. Its changes wait in
    /// the queue until it is closed.
    pub fn set_transaction_open(&mut self, open: bool, now: Duration) {
        self.queue.set_open(open && is_enforced(Guard::TransactionsNeverSplit));
        self.pause_if_asked(now);
        self.start_due_commit(now);
    }

    /// Returns whether the change record has been emitted or is queued.
    pub fn has_emitted(&self, token: &Token, at: Timestamp, id: &ChangeId) -> bool {
        self.tokens.get(token).is_some_and(|state| state.frontier.contains(at, id))
    }

    /// Adds a record of an auxiliary topic that belongs to no token, to be published with the next
    /// transaction. Returns false, and does nothing, before the stored state has been read.
    pub fn add_auxiliary(&mut self, data: D, size: usize, now: Duration) -> bool {
        if self.is_running() {
            self.push(WorkItem::Auxiliary { data, size }, now);
        }
        self.is_running()
    }

    /// Adds a heartbeat: the token has delivered all its changes up to `at`.
    pub fn add_heartbeat(&mut self, token: &Token, at: Timestamp, now: Duration) {
        let Some(state) = self.running_token(token) else { return };
        if !state.frontier.advance(at) {
            return;
        }
        let is_last = self.is_past_end(at);
        if is_last {
            self.tokens.stop(token);
            self.effects.push_back(ShardEffect::StopToken { token: token.clone() });
        }
        if is_last || !self.queue.update_heartbeat(token, at) {
            self.push(WorkItem::Heartbeat { token: token.clone(), at, is_last }, now);
        } else {
            self.start_due_commit(now);
        }
    }

    /// Adds children of a token. They may come in several records, and again after the query restarts.
    pub fn add_children(&mut self, token: &Token, record: ChildTokens) {
        let Some(state) = self.running_token(token) else { return };
        for (child, parents) in record.children {
            state.children.insert(child, ParentFinished { start: record.start, parents });
        }
    }

    /// Restarts a token's query, which has failed. The children that it delivered may be incomplete, and
    /// the new query delivers all of them again.
    pub fn restart_query(&mut self, token: &Token) {
        let Some(state) = self.running_token(token) else { return };
        state.children.clear();
        let start = state.frontier.at();
        self.effects.push_back(ShardEffect::QueryToken { token: token.clone(), start });
    }

    /// Finishes a token whose query has ended without an error. If the query has delivered no children, it has
    /// dropped out and is restarted.
    pub fn end_query(&mut self, token: &Token, now: Duration) {
        let Some(state) = self.running_token(token) else { return };
        if state.children.is_empty() {
            self.restart_query(token);
            return;
        }
        let children = std::mem::take(&mut state.children);
        self.tokens.end(token);
        if let Some(start) = children.values().map(|record| record.start).max() {
            self.barrier.add_child_start(start);
        }
        let announce = |(child, record)| self.parent_finished_record(child, Some(token.clone()), record);
        let mut state: Vec<StateRecord> = children.into_iter().map(announce).collect();
        state.push(self.own_record(StateKey::Token(token.clone()), None));
        let latest = self.barrier.latest_child_start().map(StateValue::LatestChildStart);
        state.push(self.own_record(StateKey::LatestChildStart, latest));
        for parent in self.tokens.finished_parents(token) {
            state.push(self.own_record(StateKey::ParentFinished { child: token.clone(), parent }, None));
        }
        self.push(WorkItem::Finish { token: token.clone(), state }, now);
    }

    // The rows of snapshots.

    /// Starts the initial snapshot with these ranges, all to be read at `at`. The changes start behind it.
    ///
    /// # Panics
    /// If a range is to be read at another timestamp.
    pub fn add_snapshot_ranges(&mut self, at: Timestamp, ranges: Vec<SnapshotRange>, now: Duration) {
        assert!(ranges.iter().all(|range| range.at == at), "a snapshot has one timestamp");
        let count = u32::try_from(ranges.len()).expect("a snapshot has fewer than 2^32 ranges");
        let state = assign_ranges(RangeId(0), ranges, self.config.shards);
        self.set_origin(first_change_after(at), Some(InitialSnapshot { at, ranges: count }), state, now);
        self.query_roots_if_read();
    }

    /// Adds the ranges of a table that an incremental snapshot reads, or the reason why the table cannot
    /// be read. The ranges together cover every row.
    pub fn add_table_ranges(
        &mut self,
        table: &str,
        ranges: Result<Vec<SnapshotRange>, Arc<str>>,
        now: Duration,
    ) {
        self.incremental_snapshots.add_table_ranges(&self.config, table, ranges, now);
        self.carry_out_snapshot_actions(now);
    }

    /// Adds the next rows of a range, of which `last` is the key of the last one. `size` is in bytes.
    /// Returns false if no more rows of the range are wanted at this barrier.
    pub fn add_rows(
        &mut self,
        id: RangeId,
        data: Vec<D>,
        size: usize,
        last: Arc<str>,
        now: Duration,
    ) -> bool {
        let is_time_up = self.barrier.is_time_up(now, self.config.limits.max_barrier_time);
        let counted_rows = if self.barrier.is_some() { data.len() as u64 } else { 0 };
        let Some(remaining) = self.ranges.advance(id, last, counted_rows) else { return false };
        self.push(WorkItem::Rows { id, remaining, data, size }, now);
        if is_time_up {
            self.defer_range(id, now);
        }
        !is_time_up
    }

    /// Finishes a range that has no more rows.
    pub fn finish_range(&mut self, id: RangeId, now: Duration) {
        self.end_range(id, now, |range, is_at_barrier| match is_at_barrier {
            true => {
                StateValue::RangeProgress(RangeProgress { rows: range.rows, remaining: None, error: None })
            }
            false => StateValue::RangeRead,
        });
    }

    /// Leaves the rest of a range for another barrier, which has another timestamp.
    ///
    /// # Panics
    /// If the range belongs to the initial snapshot, which is read to its end.
    pub fn defer_range(&mut self, id: RangeId, now: Duration) {
        self.end_range_at_barrier(id, now, |rows, range| RangeProgress {
            rows,
            remaining: Some(range),
            error: None,
        });
    }

    /// Gives up the rest of a range, because it cannot be read at all.
    ///
    /// # Panics
    /// If the range belongs to the initial snapshot, which is read to its end.
    pub fn abandon_range(&mut self, id: RangeId, why: Arc<str>, now: Duration) {
        self.end_range_at_barrier(id, now, |rows, _| RangeProgress {
            rows,
            remaining: None,
            error: Some(why),
        });
    }

    fn end_range_at_barrier(
        &mut self,
        id: RangeId,
        now: Duration,
        progress: impl FnOnce(u64, SnapshotRange) -> RangeProgress,
    ) {
        self.end_range(id, now, |range, is_at_barrier| {
            assert!(is_at_barrier, "the initial snapshot is read to its end");
            StateValue::RangeProgress(progress(range.rows, range))
        });
    }

    /// Removes a range and reports it to shard 0.
    fn end_range(
        &mut self,
        id: RangeId,
        now: Duration,
        report: impl FnOnce(SnapshotRange, bool) -> StateValue,
    ) {
        let Some(range) = self.ranges.remove(id) else { return };
        let value = Some(report(range, self.barrier.is_some()));
        let report = StateRecord { shard: 0, key: StateKey::RangeRead(id), value };
        let state = vec![report, self.own_record(StateKey::Range(id), None)];
        self.push(WorkItem::RangeEnd { id, state }, now);
    }

    fn start_range(&mut self, id: RangeId, range: SnapshotRange, now: Duration) {
        if self.ranges.start(id, range.clone()) {
            self.barrier.start_reading(now);
            self.effects.push_back(ShardEffect::ReadRange { id, range });
        }
    }

    // Barriers and incremental snapshots.

    /// Returns whether an incremental snapshot limits what is published.
    pub fn is_at_barrier(&self) -> bool {
        self.barrier.is_some()
    }

    /// Returns whether an incremental snapshot waits for the pipeline's watermark to pass the barrier.
    pub fn needs_watermark(&self) -> bool {
        self.is_running() && self.incremental_snapshots.needs_watermark()
    }

    /// Observes the pipeline's watermark: every change of any shard with an earlier commit timestamp is
    /// published. The service calls this regularly, also while no watermark is known, because incremental
    /// snapshots have timeouts.
    pub fn observe_watermark(&mut self, watermark: Option<Timestamp>, now: Duration) {
        if self.is_running() {
            self.incremental_snapshots.observe_watermark(&self.config, watermark);
            self.carry_out_snapshot_actions(now);
        }
        self.advance_incremental_snapshot(now);
    }

    /// The progress of the current or last request for an incremental snapshot, in shard 0.
    pub fn incremental_snapshot(&self) -> Option<&IncrementalSnapshot> {
        self.incremental_snapshots.current()
    }

    /// Sets or removes the shard's barrier.
    fn set_barrier(&mut self, barrier: Option<Barrier>, now: Duration) {
        self.barrier.replace(barrier);
        if self.barrier.is_pausing() {
            self.ranges.forget_finished();
            self.pause_if_asked(now);
        } else {
            self.query_stopped_tokens();
        }
    }

    /// Reports the pause once it is true that nothing more is published. The report follows everything
    /// that is queued.
    fn pause_if_asked(&mut self, now: Duration) {
        if !self.is_running() || self.queue.is_open() {
            return;
        }
        if let Some(paused) = self.barrier.pause(|| self.tokens.latest_frontier()) {
            let key = StateKey::Paused(self.config.index);
            let report = StateRecord { shard: 0, key, value: Some(StateValue::Paused(paused)) };
            self.push(WorkItem::State { state: vec![report] }, now);
        }
    }

    /// Takes the next step of an incremental snapshot, if it is due. Only shard 0 does so, and only after
    /// the initial snapshot.
    fn advance_incremental_snapshot(&mut self, now: Duration) {
        if self.config.index == 0
            && self.is_running()
            && let Some(Origin { start, snapshot: None, .. }) = self.origin
        {
            self.incremental_snapshots.advance(&self.config, start, now);
            self.carry_out_snapshot_actions(now);
        }
    }

    fn carry_out_snapshot_actions(&mut self, now: Duration) {
        for action in self.incremental_snapshots.take_actions() {
            match action {
                SnapshotAction::Commit(state) => self.push(WorkItem::State { state }, now),
                SnapshotAction::DivideTable(table) => {
                    self.effects.push_back(ShardEffect::DivideTable { table });
                }
            }
        }
    }

    fn set_snapshot_request(&mut self, id: &Arc<str>, value: Option<StateValue>) {
        let request = match value {
            Some(StateValue::SnapshotRequest(request)) => Some(request),
            _ => None,
        };
        self.incremental_snapshots.set_request(id, request);
    }

    // Transactions.

    /// Confirms that the pending transaction is committed beyond doubt, and starts the next one.
    ///
    /// # Panics
    /// If no transaction is pending.
    pub fn confirm_commit(&mut self, now: Duration) {
        assert!(self.is_committing, "only a pending transaction can be confirmed");
        self.is_committing = false;
        self.start_due_commit(now);
    }

    /// Starts a transaction if one is due and none is pending.
    pub fn start_due_commit(&mut self, now: Duration) {
        let limits = &self.config.limits;
        if self.is_committing || !self.is_running() || !self.queue.is_due(now, limits) {
            return;
        }
        let next = self.queue.take(self.config.index, limits);
        for token in next.finished {
            self.tokens.finish(&token);
            self.effects.push_back(ShardEffect::FinishToken { token });
        }
        self.is_committing = true;
        self.effects.push_back(ShardEffect::Commit(next.transaction));
    }

    /// The time by which to call [`Self::start_due_commit`].
    pub fn deadline(&self) -> Option<Duration> {
        if self.is_committing || !self.is_running() { None } else { self.queue.due() }
    }

    // Observations.

    /// Returns whether the service may read more changes and rows. The answer is false while two
    /// transactions wait, and while the shard pauses at a barrier.
    pub fn has_room(&self) -> bool {
        match self.barrier.is_pausing() {
            // The rest of an open Spanner transaction is still published.
            true => self.queue.is_open(),
            false => self.queue.has_room(&self.config.limits),
        }
    }

    /// Returns whether a transaction is pending.
    pub fn is_committing(&self) -> bool {
        self.is_committing
    }

    /// Returns whether the stored state has been read.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, ShardPhase::Running)
    }

    /// The timestamp before which every change of this shard's tokens has at least been queued. A token
    /// that waits for a parent counts with its start.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.tokens.watermark()
    }

    /// True if the pipeline has begun, according to the state that shard 0 has read. Other shards do not read it.
    pub fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    /// The number of unfinished tokens, and of tokens that wait for a parent.
    pub fn token_counts(&self) -> (usize, usize) {
        self.tokens.counts()
    }

    /// The number of ranges of this shard that are not read to their end.
    pub fn open_range_count(&self) -> usize {
        self.ranges.open_count()
    }

    /// The last commit timestamp that may be published now.
    fn end(&self) -> Option<Timestamp> {
        [self.config.end, self.barrier.end()].into_iter().flatten().min()
    }

    fn is_past_end(&self, at: Timestamp) -> bool {
        self.end().is_some_and(|end| at > end)
    }

    /// Returns the state of a token that is being queried.
    ///
    /// # Panics
    /// If the shard has paused: it has no room for changes then.
    fn running_token(&mut self, token: &Token) -> Option<&mut TokenState> {
        assert!(!self.barrier.is_paused(), "a paused shard takes no changes");
        self.tokens.running(token)
    }

    fn push(&mut self, work: WorkItem<D>, now: Duration) {
        self.queue.push(work, now, &self.config.limits);
        self.start_due_commit(now);
    }

    fn own_record(&self, key: StateKey, value: Option<StateValue>) -> StateRecord {
        StateRecord { shard: self.config.index, key, value }
    }

    fn parent_finished_record(
        &self,
        child: Token,
        parent: Option<Token>,
        record: ParentFinished,
    ) -> StateRecord {
        StateRecord {
            shard: shard_of(&child, self.config.shards),
            key: StateKey::ParentFinished { child, parent },
            value: Some(StateValue::ParentFinished(record)),
        }
    }
}

fn barrier_of(value: Option<StateValue>) -> Option<Barrier> {
    match value {
        Some(StateValue::Barrier(barrier)) => Some(barrier),
        _ => None,
    }
}
