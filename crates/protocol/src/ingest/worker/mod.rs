//! One worker of an ingest pipeline: the partitions it owns and the commits it has in flight.

mod batch_limits;
mod commit;
mod outcome;
mod state;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::batch::{Entry, Queue};
use super::cache::Cache;
use super::change::{Change, Spec};
use super::dead_letter::Payload;
use super::effect::{Gap, OnError, OnGap, PartitionStop, Record, StopReason, WorkerEffect, WorkerLimits};
use super::position::{self, LogRange, Offset, Partition, Position, PositionMove};
use crate::mutation::Mutation;
use batch_limits::BatchLimits;
use state::{Flight, Owned, Phase, Step, Tries, Waiting};

/// See the module. Times are durations since any fixed instant.
pub struct Worker<P> {
    spec: Arc<Spec>,
    limits: WorkerLimits,
    on_error: OnError,
    on_gap: OnGap,
    partitions: BTreeMap<Partition, Owned>,
    generations: u64,
    attempts: u64,
    queue: Queue<P>,
    /// Dead letters to be replayed; they go before the queue.
    replays: Queue<P>,
    waiting: VecDeque<Waiting<P>>,
    flights: BTreeMap<u64, Flight<P>>,
    pace: BatchLimits,
    cache: Cache,
    effects: VecDeque<WorkerEffect>,
}

impl<P: Payload> Worker<P> {
    pub fn new(spec: Arc<Spec>, limits: WorkerLimits, on_error: OnError, on_gap: OnGap) -> Self {
        assert!(limits.max_bytes > 0 && limits.max_in_flight > 0, "a batch holds something");
        Self {
            cache: Cache::new(limits.cached_bytes),
            pace: BatchLimits::new(limits.max_records, limits.max_mutations),
            spec,
            limits,
            on_error,
            on_gap,
            partitions: BTreeMap::new(),
            generations: 0,
            attempts: 0,
            queue: Queue::new(),
            replays: Queue::new(),
            waiting: VecDeque::new(),
            flights: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn next_effect(&mut self) -> Option<WorkerEffect> {
        self.effects.pop_front()
    }

    /// When [`Self::start_due_commits`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        if self.flights.len() >= self.limits.max_in_flight {
            return None;
        }
        let waiting = self.next_waiting().map(|at| self.waiting[at].not_before);
        let mut oldest = None;
        if self.takes_more() {
            let busy = self.busy();
            let arrived = self.queue.ready(&busy).oldest;
            oldest = arrived.map(|oldest| oldest + self.limits.max_wait);
            oldest = [oldest, self.replays.ready(&busy).oldest].into_iter().flatten().min();
        }
        [waiting, oldest].into_iter().flatten().min()
    }

    /// Batches that wait count as if they were in flight: they hold as much memory.
    fn takes_more(&self) -> bool {
        self.flights.len() + self.waiting.len() < self.limits.max_in_flight
    }

    /// False when two batches wait: take no more records until a commit has ended.
    pub fn has_room(&self) -> bool {
        self.queue.len() < 2 * self.limits.max_records && self.queue.bytes() < 2 * self.limits.max_bytes
    }

    /// True while a commit of one of these partitions is on its way.
    pub fn is_committing(&self, partitions: &[Partition]) -> bool {
        self.flights.values().any(|flight| match &flight.step {
            Step::Committing(sent) | Step::Verifying(sent, _) => {
                sent.moves.iter().any(|step| partitions.contains(&step.partition))
            }
            Step::Reading { .. } => false,
        })
    }

    /// True when every partition owned has stopped, and all in front of the stops is committed.
    pub fn has_stopped(&self) -> bool {
        let stopped = |owned: &Owned| matches!(owned.phase, Phase::Stopped { .. });
        !self.partitions.is_empty() && self.partitions.values().all(stopped) && self.is_idle()
    }

    /// True when all that it was given is committed or forgotten.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty() && self.waiting.is_empty() && self.queue.len() == 0 && self.replays.len() == 0
    }

    /// The group has given us these partitions.
    pub fn assign(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.begin(partition);
        }
    }

    /// They are no longer ours. A commit on its way is left to its own fence.
    pub fn revoke(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(partition);
            self.clear(partition);
        }
    }

    /// Reading the log failed in a way that only the stored position can tell the rest of.
    pub fn restart(&mut self, partition: &Partition, generation: u64) {
        if self.is_current(partition, generation) {
            self.begin(partition);
        }
    }

    /// The stored position, `None` before the first registration, and the log's range read after it.
    pub fn apply_position(
        &mut self,
        partition: &Partition,
        generation: u64,
        stored: Option<Position>,
        log: LogRange,
    ) {
        if !self.is_current(partition, generation) {
            return;
        }
        let Some(position) = stored else {
            let mutations = position::register_partition(&self.spec.pipeline, partition, log.start);
            self.settle(partition, generation, mutations);
            return;
        };
        let next = position.next;
        if log.holds(next) {
            self.set_phase(partition, Phase::Fetching { position, next });
            self.effects.push_back(WorkerEffect::Fetch {
                partition: partition.clone(),
                generation,
                offset: next,
            });
            return;
        }
        match self.on_gap {
            OnGap::Stop => {
                let gap = Gap { position: next, log };
                self.set_phase(partition, Phase::Stopped { position });
                self.stop(partition, next, StopReason::Gap(gap));
            }
            OnGap::Skip => {
                // A log that was made anew may end before the position.
                let to = Position { next: log.start, ..position.revised(position.event_time) };
                let step = PositionMove { partition: partition.clone(), from: position, to };
                let mut mutations = position::advance(&self.spec.pipeline, &[step]);
                mutations.push(position::gap(&self.spec.pipeline, partition, next, log.start));
                self.settle(partition, generation, mutations);
            }
        }
    }

    /// The settling commit has an answer. Which one does not matter: the position tells.
    pub fn end_position_commit(&mut self, partition: &Partition, generation: u64) {
        if self.is_current(partition, generation) {
            self.effects.push_back(WorkerEffect::ReadPosition { partition: partition.clone(), generation });
        }
    }

    /// Records of one partition, in the order of their offsets.
    ///
    /// # Panics
    /// On an offset that goes back: it would be applied twice.
    pub fn add_records(
        &mut self,
        partition: &Partition,
        generation: u64,
        records: Vec<Record<P>>,
        now: Duration,
    ) {
        for record in records {
            if !self.is_current(partition, generation) {
                return;
            }
            let Some(Owned { phase: Phase::Fetching { next, .. }, .. }) = self.partitions.get_mut(partition)
            else {
                return;
            };
            assert!(record.offset >= *next, "{partition}: offset {} after {}", record.offset, *next - 1);
            *next = record.offset + 1;
            if let (Err(failure), OnError::Stop) = (&record.changes, self.on_error) {
                let reason = StopReason::Record(failure.clone());
                self.stop(partition, record.offset, reason);
                return;
            }
            self.queue.push(entry(partition, generation, record, false, now));
        }
        self.start_due_commits(now);
    }

    /// True when dead letters of the partition may be handed to [`Self::add_replays`]: those asked for before are done.
    pub fn accepts_replays(&self, partition: &Partition, generation: u64) -> bool {
        let batches = self.flights.values().map(|flight| &flight.batch);
        let mut batches = batches.chain(self.waiting.iter().map(|waiting| &waiting.batch));
        let replayed = |entry: &Entry<P>| entry.replay && entry.partition == *partition;
        self.is_current(partition, generation)
            && matches!(self.partitions[partition].phase, Phase::Fetching { .. })
            && !self.replays.holds(partition)
            && !batches.any(|batch| batch.iter().any(replayed))
    }

    /// Records of dead letters that an operator wants replayed, in the order of their offsets, as they were found
    /// after [`Self::accepts_replays`]. Each is applied in a commit that deletes its letter, or fails again.
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
        let Phase::Fetching { position, .. } = self.partitions[partition].phase else { return };
        for record in records {
            // What an operator has set the position back to comes from the log.
            if record.offset < position.next {
                self.replays.push(entry(partition, generation, record, true, now));
            }
        }
        self.start_due_commits(now);
    }

    /// Starts the commits that are due.
    pub fn start_due_commits(&mut self, now: Duration) {
        while self.flights.len() < self.limits.max_in_flight {
            let next = self.next_waiting().filter(|&at| self.waiting[at].not_before <= now);
            if let Some(waiting) = next.and_then(|at| self.waiting.remove(at)) {
                self.start(waiting.batch, waiting.tries, now);
                continue;
            }
            if !self.takes_more() {
                return;
            }
            let busy = self.busy();
            let replays = self.replays.take(&busy, self.pace.limit(), self.limits.max_bytes);
            if !replays.is_empty() {
                self.start(replays, Tries::default(), now);
                continue;
            }
            let ready = self.queue.ready(&busy);
            let is_due = ready.records >= self.pace.limit()
                || ready.bytes >= self.limits.max_bytes
                || ready.oldest.is_some_and(|oldest| now >= oldest + self.limits.max_wait);
            if !is_due || ready.records == 0 {
                return;
            }
            let batch = self.queue.take(&busy, self.pace.limit(), self.limits.max_bytes);
            self.start(batch, Tries::default(), now);
        }
    }

    /// Partitions with a batch in flight or in front of the queue: their next records wait for it.
    fn busy(&self) -> BTreeSet<Partition> {
        let flights = self.flights.values().map(|flight| &flight.batch);
        let batches = flights.chain(self.waiting.iter().map(|waiting| &waiting.batch));
        batches.flatten().map(|entry| entry.partition.clone()).collect()
    }

    /// The first waiting batch with nothing of its partitions in front of it.
    fn next_waiting(&self) -> Option<usize> {
        let mut busy: BTreeSet<&Partition> =
            self.flights.values().flat_map(|flight| &flight.batch).map(|entry| &entry.partition).collect();
        for (at, waiting) in self.waiting.iter().enumerate() {
            if waiting.batch.iter().all(|entry| !busy.contains(&entry.partition)) {
                return Some(at);
            }
            busy.extend(waiting.batch.iter().map(|entry| &entry.partition));
        }
        None
    }

    /// Takes a flight out if it is at that step.
    fn landed(&mut self, attempt: u64, at: fn(&Step) -> bool) -> Option<Flight<P>> {
        self.flights.get(&attempt).filter(|flight| at(&flight.step))?;
        self.flights.remove(&attempt)
    }

    /// From the stored position: forget all that is in memory, read it, go on from there.
    fn begin(&mut self, partition: &Partition) {
        self.clear(partition);
        self.generations += 1;
        let owned = Owned { generation: self.generations, phase: Phase::Finding };
        self.partitions.insert(partition.clone(), owned);
        self.effects.push_back(WorkerEffect::ReadPosition {
            partition: partition.clone(),
            generation: self.generations,
        });
    }

    fn clear(&mut self, partition: &Partition) {
        self.drop_from(partition, Offset::MIN);
        self.cache.forget(partition);
    }

    /// Drops what waits of a partition, from that offset on.
    fn drop_from(&mut self, partition: &Partition, offset: Offset) {
        self.queue.drop_from(partition, offset);
        self.replays.drop_from(partition, offset);
        for waiting in &mut self.waiting {
            waiting.batch.retain(|entry| entry.partition != *partition || entry.offset < offset);
        }
        self.waiting.retain(|waiting| !waiting.batch.is_empty());
    }

    /// Stops a partition at its stored position; what waits in front of `offset` is still committed.
    fn stop(&mut self, partition: &Partition, offset: Offset, reason: StopReason) {
        if let Some(Owned { phase, .. }) = self.partitions.get_mut(partition)
            && let Phase::Fetching { position, .. } = phase
        {
            *phase = Phase::Stopped { position: *position };
        }
        self.effects.push_back(WorkerEffect::StopFetch { partition: partition.clone() });
        self.effects.push_back(WorkerEffect::ReportStop(PartitionStop {
            partition: partition.clone(),
            offset,
            reason,
        }));
    }

    fn settle(&mut self, partition: &Partition, generation: u64, mutations: Vec<Mutation>) {
        self.effects.push_back(WorkerEffect::CommitPosition {
            partition: partition.clone(),
            generation,
            mutations,
        });
    }

    fn set_phase(&mut self, partition: &Partition, phase: Phase) {
        if let Some(owned) = self.partitions.get_mut(partition) {
            owned.phase = phase;
        }
    }

    fn is_current(&self, partition: &Partition, generation: u64) -> bool {
        self.partitions.get(partition).is_some_and(|owned| owned.generation == generation)
    }

    fn all_current(&self, batch: &[Entry<P>]) -> bool {
        batch.iter().all(|entry| self.is_current(&entry.partition, entry.generation))
    }

    fn current(&self, batch: Vec<Entry<P>>) -> Vec<Entry<P>> {
        batch.into_iter().filter(|entry| self.is_current(&entry.partition, entry.generation)).collect()
    }
}

fn entry<P>(
    partition: &Partition,
    generation: u64,
    record: Record<P>,
    replay: bool,
    now: Duration,
) -> Entry<P> {
    let changes = record.changes.iter().flatten().map(Change::size).sum::<usize>();
    Entry {
        partition: partition.clone(),
        generation,
        offset: record.offset,
        replay,
        changes: record.changes,
        payload: record.payload,
        size: record.size + changes,
        arrived: now,
    }
}
