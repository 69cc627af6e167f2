//! The state machine of one worker: the partitions that it owns, and the commits in flight.
//!
//! The service adds records and answers; the worker returns [`WorkerEffect`]s. A batch passes through
//! these stages:
//!
//! ```text
//!  add_records ─▶ queue ─▶ ReadStates ─▶ apply_states ─▶ fold ─▶ Commit ─▶ apply_outcome
//!                   ▲      (only if states are missing)                        │
//!                   │                                     Committed: positions and cache move on
//!    retries ◀──────┼── Aborted: the same batch again, after a delay ──────────┤
//!    (go first)     ├── Rejected, TooLarge: both halves; one record: dead letter or stop
//!                   ├── Fenced: VerifyPositions ─▶ moved: restart; unmoved: as Rejected
//!                   └── InDoubt: restart the partitions from their stored positions
//! ```
//!
//! There is one way to recover: the worker forgets everything in memory about a partition, reads the
//! stored position, and fetches from there ("One recovery rule", docs/design/ingest-positions.md). Each
//! restart gives the partition a new generation, and answers to older generations are ignored.
//!
//! Each component owns its fields. Only this file connects them:
//!
//! * `partitions`: the owned partitions, with generation, position and phase.
//! * `locating`, `log_comparison`: from the stored position to the first fetch, on the right log.
//! * `batches`: the queues, the batches in flight and the batches to retry.
//! * `in_flight`: the types of batches that have left the queue.
//! * `batch_limits`: the learned number of records in a commit.
//! * `commit`: the folded changes and position moves of a commit.
//! * `end_moves`, `end_of_log`: the moves of positions over control records and aborted records at the end
//!   of a log.

mod batch_limits;
mod batches;
mod commit;
mod end_moves;
mod end_of_log;
mod in_flight;
mod locating;
mod log_comparison;
mod partitions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::change::{RowKey, Spec};
use super::dead_letter::Payload;
use super::effect::{Commit, WorkerEffect};
use super::failure::Failure;
use super::fold::{FoldResult, StoredStates};
use super::outcome::Outcome;
use super::position::{self, Offset, Partition, Position, PositionMove};
use super::record::{PendingRecord, Record};
use super::registration;
use super::settings::{OnError, OnGap, WorkerLimits};
use super::state_cache::StateCache;
use super::stop::{PartitionStop, StopReason};
use crate::guard::{Guard, is_enforced};
use crate::value::Value;
use batches::Batches;
use end_moves::EndMoves;
use in_flight::{BatchStage, InFlightBatch, RetryState, SentCommit};
use partitions::OwnedPartitions;

/// The state machine of one worker. `P` is a raw record. Times are durations since any fixed instant.
#[derive(Debug)]
pub struct Worker<P> {
    spec: Arc<Spec>,
    on_error: OnError,
    on_gap: OnGap,
    partitions: OwnedPartitions,
    batches: Batches<P>,
    end_moves: EndMoves,
    cache: StateCache,
    last_attempt: u64,
    effects: VecDeque<WorkerEffect>,
}

impl<P: Payload> Worker<P> {
    /// Creates a worker that owns no partition.
    ///
    /// # Panics
    /// If a limit is zero.
    pub fn new(spec: Arc<Spec>, limits: WorkerLimits, on_error: OnError, on_gap: OnGap) -> Self {
        Self {
            spec,
            on_error,
            on_gap,
            partitions: OwnedPartitions::default(),
            cache: StateCache::new(limits.cached_bytes),
            end_moves: EndMoves::new(limits.end_interval),
            batches: Batches::new(limits),
            last_attempt: 0,
            effects: VecDeque::new(),
        }
    }

    /// Takes the next effect to carry out.
    pub fn next_effect(&mut self) -> Option<WorkerEffect> {
        self.effects.pop_front()
    }

    /// The time by which to call [`Self::start_due_commits`].
    pub fn deadline(&self) -> Option<Duration> {
        let end_move = self.end_moves.deadline(|partition| self.may_move_to_end(partition));
        let batch = self.batches.deadline(&self.end_moves.busy());
        [batch, end_move].into_iter().flatten().min()
    }

    /// Returns false when two batches wait. The service then adds no more records until a commit has
    /// ended.
    pub fn has_room(&self) -> bool {
        self.batches.has_room()
    }

    /// Returns whether a commit of one of these partitions has been sent and has no final outcome.
    pub fn is_committing(&self, partitions: &[Partition]) -> bool {
        self.batches.is_committing(partitions)
            || partitions.iter().any(|partition| self.end_moves.is_moving(partition))
    }

    /// Returns whether every owned partition has stopped, and everything before the stops is committed.
    pub fn has_stopped(&self) -> bool {
        self.partitions.have_all_stopped() && self.is_idle()
    }

    /// Returns whether all records are committed or forgotten.
    pub fn is_idle(&self) -> bool {
        self.batches.is_idle() && self.end_moves.is_idle()
    }

    // The partitions and their positions.

    /// Adds partitions that the consumer group has assigned.
    pub fn assign(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.start_partition(partition);
        }
    }

    /// Removes partitions that the consumer group has revoked. A commit in flight is left to its fence.
    ///
    /// Positions that wait to be moved to the end of their log are moved now. [`Self::is_committing`]
    /// returns true until that commit has an outcome.
    pub fn revoke(&mut self, partitions: &[Partition]) {
        let ends = partitions
            .iter()
            .filter_map(|partition| Some((partition.clone(), self.end_moves.end(partition)?)));
        self.move_to_ends(ends.collect(), None);
        for partition in partitions {
            self.partitions.remove(partition);
            self.forget(partition);
            self.end_moves.remove(partition);
        }
    }

    /// Restarts a partition from its stored position, after an error of the fetch from which only the
    /// stored position can recover.
    pub fn restart(&mut self, partition: &Partition, generation: u64) {
        if self.partitions.is_current(partition, generation) {
            self.start_partition(partition);
        }
    }

    // The records.

    /// Adds records of one partition, in the order of their offsets.
    ///
    /// # Panics
    /// If an offset has been added before: the record would be applied twice.
    pub fn add_records(
        &mut self,
        partition: &Partition,
        generation: u64,
        records: Vec<Record<P>>,
        now: Duration,
    ) {
        for record in records {
            if !self.partitions.accept(partition, generation, record.offset) {
                return;
            }
            if let (Err(failure), OnError::Stop) = (&record.changes, self.on_error) {
                let reason = StopReason::Record(failure.clone());
                self.stop(partition, record.offset, reason);
                return;
            }
            self.batches.push(PendingRecord::new(partition, generation, record, false, now));
        }
        self.start_due_commits(now);
    }

    /// Returns whether the service may pass dead letters of the partition to [`Self::add_replays`]. The
    /// answer is false until the previous ones are done.
    pub fn accepts_replays(&self, partition: &Partition, generation: u64) -> bool {
        self.partitions.is_current(partition, generation)
            && self.partitions.fetching_position(partition).is_some()
            && !self.batches.contains_replay(partition)
    }

    /// Adds records of dead letters that an operator wants to replay, in the order of their offsets. The
    /// service has read them after [`Self::accepts_replays`] returned true. Each is applied in a commit
    /// that deletes its dead letter, or fails again.
    pub fn add_replays(
        &mut self,
        partition: &Partition,
        generation: u64,
        records: Vec<Record<P>>,
        now: Duration,
    ) {
        if !self.accepts_replays(partition, generation) {
            return;
        }
        let Some(position) = self.partitions.fetching_position(partition) else { return };
        for record in records {
            // If an operator has set the position back, the record comes from the log.
            if record.offset < position.next {
                self.batches.push(PendingRecord::new(partition, generation, record, true, now));
            }
        }
        self.start_due_commits(now);
    }

    // The commits.

    /// Starts all commits that are due.
    pub fn start_due_commits(&mut self, now: Duration) {
        self.move_to_ends(self.end_moves.due(now), Some(now));
        let moving = self.end_moves.busy();
        while let Some((batch, retries)) = self.batches.next_due(&moving, now) {
            self.start(batch, retries, now);
        }
    }

    /// Applies the states that Spanner holds of the requested rows. Absent rows are left out.
    pub fn apply_states(&mut self, attempt: u64, found: Vec<(RowKey, Vec<Value>)>, now: Duration) {
        let Some(InFlightBatch { batch, retries, stage }) =
            self.batches.end_flight(attempt, |stage| matches!(stage, BatchStage::Reading { .. }))
        else {
            return;
        };
        let BatchStage::Reading { mut known, missing, lock } = stage else { unreachable!("checked above") };
        known.add_read(missing, found);
        let batch = self.partitions.retain_current(batch);
        self.commit(attempt, batch, retries, &known, lock.then_some(attempt), now);
        self.start_due_commits(now);
    }

    /// Retries a batch whose states could not be read, because another transaction holds the locks or
    /// this transaction was aborted.
    pub fn abort_read(&mut self, attempt: u64, now: Duration) {
        let is_reading = |stage: &BatchStage| matches!(stage, BatchStage::Reading { .. });
        let Some(flight) = self.batches.end_flight(attempt, is_reading) else { return };
        self.retry_aborted(flight.batch, flight.retries, now);
        self.start_due_commits(now);
    }

    /// Splits a batch whose states are too many for one read, as one that is too large for a commit. A single record
    /// becomes a dead letter, or stops its partition.
    pub fn reject_read(&mut self, attempt: u64, failure: Failure, now: Duration) {
        let is_reading = |stage: &BatchStage| matches!(stage, BatchStage::Reading { .. });
        let Some(flight) = self.batches.end_flight(attempt, is_reading) else { return };
        if is_enforced(Guard::WideReadIsSplit) {
            self.batches.record_too_large(flight.batch.len());
            self.reject(flight.batch, failure, now);
        } else {
            self.retry_aborted(flight.batch, flight.retries, now);
        }
        self.start_due_commits(now);
    }

    /// Applies the outcome of a commit.
    pub fn apply_outcome(&mut self, attempt: u64, outcome: Outcome, now: Duration) {
        if let Some(moves) = self.end_moves.end_flight(attempt) {
            self.apply_end_moves(moves, &outcome, now);
            self.start_due_commits(now);
            return;
        }
        let Some(InFlightBatch { batch, retries, stage }) =
            self.batches.end_flight(attempt, |stage| matches!(stage, BatchStage::Committing(_)))
        else {
            return;
        };
        let BatchStage::Committing(sent) = stage else { unreachable!("checked above") };
        match outcome {
            Outcome::Committed { mutations } => {
                self.batches.record_commit(batch.len(), mutations);
                self.apply_commit(&batch, sent);
            }
            Outcome::Aborted => self.retry_aborted(batch, retries, now),
            Outcome::Rejected(failure) => self.reject(batch, failure, now),
            Outcome::TooLarge(failure) => {
                self.batches.record_too_large(batch.len());
                self.reject(batch, failure, now);
            }
            Outcome::Fenced(failure) if self.are_all_current(&batch) => {
                let partitions = sent.moves.iter().map(|step| step.partition.clone()).collect();
                self.effects.push_back(WorkerEffect::VerifyPositions { attempt, partitions });
                let stage = BatchStage::Verifying(sent, failure);
                self.batches.start_flight(attempt, InFlightBatch { batch, retries, stage });
            }
            Outcome::Fenced(_) | Outcome::InDoubt => self.restart_partitions(&batch),
        }
        self.start_due_commits(now);
    }

    /// Applies the positions that were read after a commit was fenced. If no position has moved, the data
    /// is invalid: "Fence or data" (docs/design/ingest-positions.md).
    pub fn apply_verified_positions(
        &mut self,
        attempt: u64,
        stored: &[(Partition, Option<Position>)],
        now: Duration,
    ) {
        let Some(InFlightBatch { batch, stage, .. }) =
            self.batches.end_flight(attempt, |stage| matches!(stage, BatchStage::Verifying(..)))
        else {
            return;
        };
        let BatchStage::Verifying(sent, failure) = stage else { unreachable!("checked above") };
        let are_unmoved = sent.moves.iter().all(|step| {
            let stored = stored.iter().find(|(partition, _)| *partition == step.partition);
            stored
                .is_some_and(|(_, position)| position.is_some_and(|position| position.is_same_row(step.from)))
        });
        if are_unmoved && self.are_all_current(&batch) {
            self.reject(batch, failure, now);
        } else {
            self.restart_partitions(&batch);
        }
        self.start_due_commits(now);
    }

    /// Starts a batch: reads the states that are not known, or commits at once.
    fn start(&mut self, batch: Vec<PendingRecord<P>>, retries: RetryState, now: Duration) {
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        let first = retries.first_attempt.unwrap_or(attempt);
        let retries = RetryState { first_attempt: Some(first), ..retries };
        let stream_times = commit::stored_stream_times(&self.partitions, &batch);
        let (known, missing) = StoredStates::look_up(&self.spec, &batch, &mut self.cache, &stream_times);
        if missing.is_empty() {
            self.commit(attempt, batch, retries, &known, None, now);
            return;
        }
        let is_shared = missing.targets().any(|target| self.spec.targets[target].locking);
        let lock = is_shared && is_enforced(Guard::SharedRowsUnderLock);
        let (keys, ranges) = (missing.keys.iter().cloned().collect(), missing.ranges.clone());
        self.effects.push_back(WorkerEffect::ReadStates { attempt, first, keys, ranges, lock });
        let stage = BatchStage::Reading { known, missing, lock };
        self.batches.start_flight(attempt, InFlightBatch { batch, retries, stage });
    }

    /// Folds and commits a batch, or the part of it that fits into one commit.
    fn commit(
        &mut self,
        attempt: u64,
        mut batch: Vec<PendingRecord<P>>,
        retries: RetryState,
        known: &StoredStates,
        transaction: Option<u64>,
        now: Duration,
    ) {
        let mut folded = commit::fold_batch(&self.spec, &self.partitions, &batch, known);
        let replay = batch.iter().any(|record| record.is_replay);
        if self.on_error == OnError::Stop && !replay && !folded.failures.is_empty() {
            batch = self.stop_at_failures(batch, &folded.failures);
            folded = commit::fold_batch(&self.spec, &self.partitions, &batch, known);
        }
        let rest = batch.split_off(folded.taken);
        self.retry(rest, RetryState::default(), now);
        if batch.is_empty() {
            if let Some(attempt) = transaction {
                self.effects.push_back(WorkerEffect::Rollback { attempt });
            }
            return;
        }
        let FoldResult { mutations: changes, states, failures, stream_times, skipped, .. } = folded;
        let moves = commit::position_moves(&self.partitions, &batch, &stream_times);
        let mut mutations = position::move_positions(&self.spec.pipeline, &moves);
        mutations.extend(registration::store_first_records(&self.spec.pipeline, &moves));
        mutations.extend(changes);
        self.effects.push_back(WorkerEffect::Commit(Commit {
            attempt,
            first: retries.first_attempt.unwrap_or(attempt),
            in_transaction: transaction.is_some(),
            mutations,
            moves: moves.clone(),
            records: batch.len(),
            replay,
            failures,
            skipped,
        }));
        let stage = BatchStage::Committing(SentCommit { moves, states });
        self.batches.start_flight(attempt, InFlightBatch { batch, retries, stage });
    }

    /// Cuts each failing partition off before its first failure, and stops it.
    fn stop_at_failures(
        &mut self,
        mut batch: Vec<PendingRecord<P>>,
        failures: &[(Partition, Offset, Failure)],
    ) -> Vec<PendingRecord<P>> {
        for (partition, offset, failure) in failures {
            if !batch.iter().any(|record| record.partition == *partition && record.offset == *offset) {
                continue;
            }
            batch.retain(|record| record.partition != *partition || record.offset < *offset);
            self.batches.drop_from(partition, *offset);
            self.stop(partition, *offset, StopReason::Record(failure.clone()));
        }
        batch
    }

    /// Moves the positions and caches the states of a commit that was applied.
    fn apply_commit(&mut self, batch: &[PendingRecord<P>], sent: SentCommit) {
        let generations: BTreeMap<&Partition, u64> =
            batch.iter().map(|record| (&record.partition, record.generation)).collect();
        for (partition, key, state) in sent.states {
            if self.partitions.is_current(&partition, generations[&partition]) {
                self.cache.put(&partition, key, state);
            }
        }
        for step in sent.moves {
            if self.partitions.is_current(&step.partition, generations[&step.partition]) {
                self.partitions.apply_move(&step);
                let PositionMove { partition, to, .. } = step;
                self.effects.push_back(WorkerEffect::CommitGroupOffset { partition, next: to.next });
            }
        }
    }

    /// Finds the records that Spanner rejects: "Bisection of a rejected batch"
    /// (docs/design/ingest-batches.md).
    fn reject(&mut self, mut batch: Vec<PendingRecord<P>>, failure: Failure, now: Duration) {
        // The split comes before outdated records are dropped. Spanner rejected the whole batch, so a single
        // current record of it need not be the invalid one.
        if batch.len() > 1 {
            let second = batch.split_off(batch.len() / 2);
            self.retry(second, RetryState::default(), now);
            self.retry(batch, RetryState::default(), now);
            return;
        }
        let Some(mut record) = self.partitions.retain_current(batch).pop() else { return };
        if record.changes.is_ok() && (record.is_replay || self.on_error == OnError::DeadLetter) {
            record.changes = Err(failure);
            self.retry(vec![record], RetryState::default(), now);
        } else if !record.is_replay {
            self.batches.drop_from(&record.partition, record.offset);
            self.stop(&record.partition, record.offset, StopReason::Record(failure));
        }
        // A replay that fails even as a dead letter is dropped, because its dead letter was deleted.
    }

    fn retry_aborted(&mut self, batch: Vec<PendingRecord<P>>, retries: RetryState, now: Duration) {
        let batch = self.partitions.retain_current(batch);
        self.batches.retry_aborted(batch, retries, now);
    }

    fn retry(&mut self, batch: Vec<PendingRecord<P>>, retries: RetryState, not_before: Duration) {
        let batch = self.partitions.retain_current(batch);
        self.batches.retry(batch, retries, not_before);
    }

    /// Restarts all partitions of a batch: "One recovery rule" (docs/design/ingest-positions.md).
    fn restart_partitions(&mut self, batch: &[PendingRecord<P>]) {
        let partitions: BTreeSet<&Partition> = batch
            .iter()
            .filter(|record| self.partitions.is_record_current(record))
            .map(|record| &record.partition)
            .collect();
        for partition in partitions {
            self.start_partition(partition);
        }
    }

    /// Forgets what is in memory about a partition, and reads its stored position.
    fn start_partition(&mut self, partition: &Partition) {
        self.forget(partition);
        let generation = self.partitions.start(partition);
        self.effects.push_back(WorkerEffect::ReadPosition { partition: partition.clone(), generation });
    }

    fn forget(&mut self, partition: &Partition) {
        self.batches.drop_from(partition, Offset::MIN);
        self.end_moves.forget(partition);
        self.cache.forget(partition);
    }

    /// Stops a partition at its stored position. Records before `offset` are still committed.
    fn stop(&mut self, partition: &Partition, offset: Offset, reason: StopReason) {
        self.partitions.stop_fetching(partition);
        self.effects.push_back(WorkerEffect::StopFetch { partition: partition.clone() });
        let stop = PartitionStop { partition: partition.clone(), offset, reason };
        self.effects.push_back(WorkerEffect::ReportStop(stop));
    }

    fn are_all_current(&self, batch: &[PendingRecord<P>]) -> bool {
        batch.iter().all(|record| self.partitions.is_record_current(record))
    }
}
