//! The batches of a worker, from the queue to the end of their commits.
//!
//! This component decides which batch starts when. Commits in flight belong to different partitions, and
//! a batch that is tried again goes before anything else of its partitions. The rules are "Batch cut",
//! "One commit per partition" and "Learned batch size" (docs/design/ingest-batches.md).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::batch_limits::BatchLimits;
use super::in_flight::{BatchStage, InFlightBatch, RetryBatch, RetryState};
use crate::ingest::position::{Offset, Partition};
use crate::ingest::record::PendingRecord;
use crate::ingest::record_queue::RecordQueue;
use crate::ingest::settings::WorkerLimits;

/// The longest delay after an aborted commit.
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The batches of a worker.
#[derive(Debug)]
pub(super) struct Batches<P> {
    limits: WorkerLimits,
    batch_limits: BatchLimits,
    queue: RecordQueue<P>,
    /// Dead letters to replay. They go before the queue.
    replays: RecordQueue<P>,
    retries: VecDeque<RetryBatch<P>>,
    in_flight: BTreeMap<u64, InFlightBatch<P>>,
}

impl<P> Batches<P> {
    /// Creates an empty set of batches.
    ///
    /// # Panics
    /// If a limit is zero.
    pub(super) fn new(limits: WorkerLimits) -> Self {
        assert!(limits.max_bytes > 0 && limits.max_in_flight > 0, "a limit is positive");
        Self {
            batch_limits: BatchLimits::new(limits.max_records, limits.max_mutations),
            limits,
            queue: RecordQueue::new(),
            replays: RecordQueue::new(),
            retries: VecDeque::new(),
            in_flight: BTreeMap::new(),
        }
    }

    /// Adds a record to the queue, or to the replays.
    pub(super) fn push(&mut self, record: PendingRecord<P>) {
        if record.is_replay {
            self.replays.push(record);
        } else {
            self.queue.push(record);
        }
    }

    /// Takes the next batch that is due, if it may start now. It has no record of the partitions in
    /// `moving`, whose positions are being moved by another commit.
    pub(super) fn next_due(
        &mut self,
        moving: &BTreeSet<Partition>,
        now: Duration,
    ) -> Option<(Vec<PendingRecord<P>>, RetryState)> {
        if self.in_flight.len() >= self.limits.max_in_flight {
            return None;
        }
        let retry = self.next_retry().filter(|&index| self.retries[index].not_before <= now);
        if let Some(retry) = retry.and_then(|index| self.retries.remove(index)) {
            return Some((retry.batch, retry.retries));
        }
        if !self.takes_more() {
            return None;
        }
        let busy = self.busy(moving);
        let replays = self.replays.take(&busy, self.batch_limits.limit(), self.limits.max_bytes);
        if !replays.is_empty() {
            return Some((replays, RetryState::default()));
        }
        let ready = self.queue.ready(&busy);
        let is_due = ready.count >= self.batch_limits.limit()
            || ready.bytes >= self.limits.max_bytes
            || ready.oldest.is_some_and(|oldest| now >= oldest + self.limits.max_wait);
        if !is_due || ready.count == 0 {
            return None;
        }
        let batch = self.queue.take(&busy, self.batch_limits.limit(), self.limits.max_bytes);
        Some((batch, RetryState::default()))
    }

    /// The time by which to call [`Self::next_due`] again.
    pub(super) fn deadline(&self, moving: &BTreeSet<Partition>) -> Option<Duration> {
        if self.in_flight.len() >= self.limits.max_in_flight {
            return None;
        }
        let retry = self.next_retry().map(|index| self.retries[index].not_before);
        let mut due = None;
        if self.takes_more() {
            let busy = self.busy(moving);
            let oldest = self.queue.ready(&busy).oldest;
            due = oldest.map(|oldest| oldest + self.limits.max_wait);
            due = [due, self.replays.ready(&busy).oldest].into_iter().flatten().min();
        }
        [retry, due].into_iter().flatten().min()
    }

    /// Puts a batch back, to be tried before everything else that waits.
    pub(super) fn retry(&mut self, batch: Vec<PendingRecord<P>>, retries: RetryState, not_before: Duration) {
        if !batch.is_empty() {
            self.retries.push_front(RetryBatch { batch, retries, not_before });
        }
    }

    /// Puts an aborted batch back. Its delay doubles with each abort.
    pub(super) fn retry_aborted(&mut self, batch: Vec<PendingRecord<P>>, retries: RetryState, now: Duration) {
        let delay = self.limits.backoff.saturating_mul(1 << retries.aborts.min(10)).min(MAX_BACKOFF);
        let retries = RetryState { aborts: retries.aborts.saturating_add(1), ..retries };
        self.retry(batch, retries, now + delay);
    }

    /// Adds a batch in flight.
    pub(super) fn start_flight(&mut self, attempt: u64, batch: InFlightBatch<P>) {
        self.in_flight.insert(attempt, batch);
    }

    /// Takes a batch in flight out, if it is at that stage.
    pub(super) fn end_flight(
        &mut self,
        attempt: u64,
        is_at_stage: fn(&BatchStage) -> bool,
    ) -> Option<InFlightBatch<P>> {
        self.in_flight.get(&attempt).filter(|flight| is_at_stage(&flight.stage))?;
        self.in_flight.remove(&attempt)
    }

    /// Learns from a commit that was applied.
    pub(super) fn record_commit(&mut self, records: usize, mutations: Option<u64>) {
        self.batch_limits.record_commit(records, mutations);
    }

    /// Learns from a commit that was too large.
    pub(super) fn record_too_large(&mut self, records: usize) {
        self.batch_limits.record_too_large(records);
    }

    /// Drops what waits of a partition, from an offset on. Batches in flight stay.
    pub(super) fn drop_from(&mut self, partition: &Partition, offset: Offset) {
        self.queue.drop_from(partition, offset);
        self.replays.drop_from(partition, offset);
        for retry in &mut self.retries {
            retry.batch.retain(|record| record.partition != *partition || record.offset < offset);
        }
        self.retries.retain(|retry| !retry.batch.is_empty());
    }

    /// Returns false when two batches wait ("Two batches wait", docs/design/time-and-memory.md).
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < 2 * self.limits.max_records && self.queue.bytes() < 2 * self.limits.max_bytes
    }

    /// Returns whether nothing waits and nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
            && self.retries.is_empty()
            && self.queue.len() == 0
            && self.replays.len() == 0
    }

    /// Returns whether a commit of one of the partitions has been sent and has no final outcome.
    pub(super) fn is_committing(&self, partitions: &[Partition]) -> bool {
        self.in_flight.values().any(|flight| match &flight.stage {
            BatchStage::Committing(sent) | BatchStage::Verifying(sent, _) => {
                sent.moves.iter().any(|step| partitions.contains(&step.partition))
            }
            BatchStage::Reading { .. } => false,
        })
    }

    /// Returns whether a record or a replay of the partition waits or is in flight.
    pub(super) fn contains(&self, partition: &Partition) -> bool {
        let is_of_partition = |record: &PendingRecord<P>| record.partition == *partition;
        self.queue.contains(partition)
            || self.replays.contains(partition)
            || self.started().any(|batch| batch.iter().any(is_of_partition))
    }

    /// Returns whether a replay of the partition waits or is in flight.
    pub(super) fn contains_replay(&self, partition: &Partition) -> bool {
        let is_replay = |record: &PendingRecord<P>| record.is_replay && record.partition == *partition;
        self.replays.contains(partition) || self.started().any(|batch| batch.iter().any(is_replay))
    }

    /// Returns whether another batch may be taken from the queue. Batches to be tried again count as in
    /// flight, because they use as much memory.
    fn takes_more(&self) -> bool {
        self.in_flight.len() + self.retries.len() < self.limits.max_in_flight
    }

    fn started(&self) -> impl Iterator<Item = &Vec<PendingRecord<P>>> {
        let in_flight = self.in_flight.values().map(|flight| &flight.batch);
        in_flight.chain(self.retries.iter().map(|retry| &retry.batch))
    }

    /// Returns the partitions with a batch that has left the queue, and those in `moving`. Their next records
    /// wait.
    fn busy(&self, moving: &BTreeSet<Partition>) -> BTreeSet<Partition> {
        let started = self.started().flatten().map(|record| record.partition.clone());
        started.chain(moving.iter().cloned()).collect()
    }

    /// Returns the index of the first batch to retry for which no earlier batch of its partitions is in
    /// flight or waits.
    fn next_retry(&self) -> Option<usize> {
        let in_flight = self.in_flight.values().flat_map(|flight| &flight.batch);
        let mut busy: BTreeSet<&Partition> = in_flight.map(|record| &record.partition).collect();
        for (index, retry) in self.retries.iter().enumerate() {
            if retry.batch.iter().all(|record| !busy.contains(&record.partition)) {
                return Some(index);
            }
            busy.extend(retry.batch.iter().map(|record| &record.partition));
        }
        None
    }
}
