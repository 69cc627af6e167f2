//! One worker of an ingest pipeline: the partitions it owns and the commit it has in flight.

mod outcome;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::batch::{Entry, Queue};
use super::cache::Cache;
use super::change::{Change, GroupKey, Spec};
use super::effect::{Commit, Effect, Gap, Limits, OnError, OnGap, Outcome, Record, Stop, StopReason};
use super::fold::{self, Folded};
use super::letter::{Failure, Payload};
use super::position::{self, LogRange, Move, Offset, Partition};
use crate::mutation::Mutation;
use crate::value::Value;
use state::{Owned, Phase, Sent, Step};

/// See the module. Times are durations since any fixed instant.
pub struct Worker<P> {
    spec: Arc<Spec>,
    limits: Limits,
    on_error: OnError,
    on_gap: OnGap,
    partitions: BTreeMap<Partition, Owned>,
    generations: u64,
    attempts: u64,
    queue: Queue<P>,
    step: Step<P>,
    cache: Cache,
    /// Records a commit at most now: halved when Spanner rejects a batch, until one is left.
    limit: usize,
    aborts: u32,
    retry_at: Option<Duration>,
    effects: VecDeque<Effect>,
}

impl<P: Payload> Worker<P> {
    pub fn new(spec: Arc<Spec>, limits: Limits, on_error: OnError, on_gap: OnGap) -> Self {
        assert!(limits.max_records > 0 && limits.max_bytes > 0, "a batch holds something");
        Self {
            cache: Cache::new(limits.cached_groups),
            limit: limits.max_records,
            spec,
            limits,
            on_error,
            on_gap,
            partitions: BTreeMap::new(),
            generations: 0,
            attempts: 0,
            queue: Queue::new(),
            step: Step::Idle,
            aborts: 0,
            retry_at: None,
            effects: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub fn effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Self::due`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        if !matches!(self.step, Step::Idle) {
            return None;
        }
        let oldest = self.queue.oldest()?;
        Some(self.retry_at.unwrap_or(oldest + self.limits.max_wait))
    }

    /// False when the queue holds two batches: take no more records until a commit has ended.
    pub fn has_room(&self) -> bool {
        self.queue.len() < 2 * self.limits.max_records && self.queue.bytes() < 2 * self.limits.max_bytes
    }

    /// True while a commit of one of these partitions is on its way.
    pub fn is_committing(&self, partitions: &[Partition]) -> bool {
        match &self.step {
            Step::Committing { commit, .. } | Step::Verifying { commit, .. } => {
                commit.moves.iter().any(|step| partitions.contains(&step.partition))
            }
            Step::Idle | Step::Reading { .. } => false,
        }
    }

    /// True when every partition owned has stopped, and all in front of the stops is committed.
    pub fn has_stopped(&self) -> bool {
        let stopped = |owned: &Owned| matches!(owned.phase, Phase::Stopped { .. });
        !self.partitions.is_empty()
            && self.partitions.values().all(stopped)
            && matches!(self.step, Step::Idle)
            && self.queue.len() == 0
    }

    /// The group has given us these partitions.
    pub fn assigned(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.begin(partition);
        }
    }

    /// They are no longer ours. A commit on its way is left to its own fence.
    pub fn revoked(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(partition);
            self.clear(partition);
        }
    }

    /// Reading the log failed in a way that only the stored position can tell the rest of.
    pub fn interrupted(&mut self, partition: &Partition, generation: u64) {
        if self.is_current(partition, generation) {
            self.begin(partition);
        }
    }

    /// The stored position, `None` before the first registration, and the log's range read after it.
    pub fn position(
        &mut self,
        partition: &Partition,
        generation: u64,
        stored: Option<Offset>,
        log: LogRange,
    ) {
        if !self.is_current(partition, generation) {
            return;
        }
        let Some(position) = stored else {
            let mutations = position::register(&self.spec.pipeline, partition, log.start);
            self.settle(partition, generation, mutations);
            return;
        };
        if log.holds(position) {
            self.set_phase(partition, Phase::Fetching { position, next: position });
            self.effects.push_back(Effect::Fetch {
                partition: partition.clone(),
                generation,
                offset: position,
            });
            return;
        }
        match self.on_gap {
            OnGap::Stop => self.stop(partition, position, StopReason::Gap(Gap { position, log })),
            OnGap::Skip => {
                let step = Move { partition: partition.clone(), from: position, to: log.start };
                let mut mutations = position::advance(&self.spec.pipeline, &[step]);
                mutations.push(position::gap(&self.spec.pipeline, partition, position, log.start));
                self.settle(partition, generation, mutations);
            }
        }
    }

    /// The settling commit has an answer. Which one does not matter: the position tells.
    pub fn settled(&mut self, partition: &Partition, generation: u64) {
        if self.is_current(partition, generation) {
            self.effects.push_back(Effect::ReadPosition { partition: partition.clone(), generation });
        }
    }

    /// Records of one partition, in the order of their offsets.
    ///
    /// # Panics
    /// On an offset that goes back: it would be applied twice.
    pub fn records(
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
            let changes = record.changes.iter().flatten().map(Change::size).sum::<usize>();
            self.queue.push(Entry {
                partition: partition.clone(),
                generation,
                offset: record.offset,
                changes: record.changes,
                payload: record.payload,
                size: record.size + changes,
                arrived: now,
            });
        }
        self.due(now);
    }

    /// Starts a commit if one is due.
    pub fn due(&mut self, now: Duration) {
        while matches!(self.step, Step::Idle) && self.is_due(now) {
            self.retry_at = None;
            let batch = self.queue.take(self.limit, self.limits.max_bytes);
            self.prepare(batch);
        }
    }

    /// The states that Spanner holds of the groups asked for: a value a function; absent ones left out.
    pub fn states(&mut self, attempt: u64, found: Vec<(GroupKey, Vec<Value>)>, now: Duration) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Reading { attempt: current, batch, missing } if current == attempt => {
                let mut found: BTreeMap<GroupKey, Vec<Value>> = found.into_iter().collect();
                let read = missing.into_iter().map(|(partition, key)| {
                    let state = found.remove(&key);
                    let state = state.unwrap_or_else(|| fold::empty(&self.spec.targets[key.target]));
                    ((partition, key), state)
                });
                let read = read.collect();
                let batch = self.current(batch);
                self.commit(batch, &read);
                self.due(now);
            }
            other => self.step = other,
        }
    }

    /// The answer to a commit.
    pub fn outcome(&mut self, attempt: u64, outcome: Outcome, now: Duration) {
        let (batch, commit) = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Committing { batch, commit } if commit.attempt == attempt => (batch, commit),
            other => {
                self.step = other;
                return;
            }
        };
        if outcome != Outcome::Aborted {
            self.aborts = 0;
        }
        match outcome {
            Outcome::Committed => self.committed(&batch, commit),
            Outcome::Aborted => {
                let pause = self.limits.backoff.saturating_mul(1 << self.aborts.min(10));
                self.aborts += 1;
                self.retry_at = Some(now + pause.min(Duration::from_secs(1)));
                let batch = self.current(batch);
                self.queue.put_back(batch);
            }
            Outcome::Rejected(failure) => self.rejected(batch, failure),
            Outcome::Fenced(failure) if self.all_current(&batch) => {
                let partitions = commit.moves.iter().map(|step| step.partition.clone()).collect();
                self.effects.push_back(Effect::Verify { attempt, partitions });
                self.step = Step::Verifying { batch, commit, failure };
            }
            Outcome::Fenced(_) | Outcome::InDoubt => self.begin_again(&batch),
        }
        self.due(now);
    }

    /// The stored positions, asked for after a commit was refused: if each is still where we held
    /// it, the fence was ours and the data is at fault.
    pub fn verified(&mut self, attempt: u64, stored: &[(Partition, Option<Offset>)], now: Duration) {
        let (batch, commit, failure) = match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Verifying { batch, commit, failure } if commit.attempt == attempt => {
                (batch, commit, failure)
            }
            other => {
                self.step = other;
                return;
            }
        };
        let held = commit.moves.iter().all(|step| {
            let stored = stored.iter().find(|(partition, _)| *partition == step.partition);
            stored.is_some_and(|(_, position)| *position == Some(step.from))
        });
        if held && self.all_current(&batch) {
            self.rejected(batch, failure);
        } else {
            self.begin_again(&batch);
        }
        self.due(now);
    }

    fn is_due(&self, now: Duration) -> bool {
        let Some(oldest) = self.queue.oldest() else { return false };
        if let Some(at) = self.retry_at {
            return now >= at;
        }
        self.queue.len() >= self.limit
            || self.queue.bytes() >= self.limits.max_bytes
            || now >= oldest + self.limits.max_wait
    }

    fn prepare(&mut self, batch: Vec<Entry<P>>) {
        let missing = fold::missing(&batch, &self.cache);
        if missing.is_empty() {
            self.commit(batch, &BTreeMap::new());
            return;
        }
        self.attempts += 1;
        let keys = missing.iter().map(|(_, key)| key.clone()).collect();
        self.effects.push_back(Effect::ReadStates { attempt: self.attempts, keys });
        self.step = Step::Reading { attempt: self.attempts, batch, missing };
    }

    fn commit(&mut self, mut batch: Vec<Entry<P>>, read: &BTreeMap<(Partition, GroupKey), Vec<Value>>) {
        let mut folded = fold::fold(&self.spec, &batch, &self.cache, read);
        if self.on_error == OnError::Stop && !folded.failures.is_empty() {
            batch = self.stop_at_failures(batch, &folded.failures);
            folded = fold::fold(&self.spec, &batch, &self.cache, read);
        }
        if batch.is_empty() {
            return;
        }
        let moves = self.moves(&batch);
        let Folded { mutations, states, failures } = folded;
        let mut all = position::advance(&self.spec.pipeline, &moves);
        all.extend(mutations);
        self.attempts += 1;
        self.effects.push_back(Effect::Commit(Commit {
            attempt: self.attempts,
            mutations: all,
            moves: moves.clone(),
            records: batch.len(),
            failures,
        }));
        self.step = Step::Committing { batch, commit: Sent { attempt: self.attempts, moves, states } };
    }

    /// Cuts each failing partition off in front of its first failure.
    fn stop_at_failures(
        &mut self,
        mut batch: Vec<Entry<P>>,
        failures: &[(Partition, Offset, Failure)],
    ) -> Vec<Entry<P>> {
        for (partition, offset, failure) in failures {
            if !batch.iter().any(|entry| entry.partition == *partition && entry.offset == *offset) {
                continue;
            }
            batch.retain(|entry| entry.partition != *partition || entry.offset < *offset);
            self.queue.drop_from(partition, *offset);
            self.stop(partition, *offset, StopReason::Record(failure.clone()));
        }
        batch
    }

    fn moves(&self, batch: &[Entry<P>]) -> Vec<Move> {
        let mut ends: BTreeMap<&Partition, Offset> = BTreeMap::new();
        for entry in batch {
            let end = ends.entry(&entry.partition).or_insert(entry.offset);
            assert!(entry.offset >= *end, "{}: a batch is in the order of its offsets", entry.partition);
            *end = entry.offset;
        }
        let step = |(partition, last): (&Partition, Offset)| {
            let from = self.stored(partition);
            assert!(last >= from, "{partition}: offset {last} lies before the position {from}");
            Move { partition: partition.clone(), from, to: last + 1 }
        };
        ends.into_iter().map(step).collect()
    }

    fn stored(&self, partition: &Partition) -> Offset {
        match self.partitions.get(partition).map(|owned| &owned.phase) {
            Some(Phase::Fetching { position, .. } | Phase::Stopped { position }) => *position,
            _ => unreachable!("{partition}: a batch holds only partitions whose position is known"),
        }
    }

    fn begin(&mut self, partition: &Partition) {
        self.clear(partition);
        self.generations += 1;
        let owned = Owned { generation: self.generations, phase: Phase::Finding };
        self.partitions.insert(partition.clone(), owned);
        self.effects
            .push_back(Effect::ReadPosition { partition: partition.clone(), generation: self.generations });
    }

    fn clear(&mut self, partition: &Partition) {
        self.queue.drop_from(partition, Offset::MIN);
        self.cache.forget(partition);
    }

    fn stop(&mut self, partition: &Partition, offset: Offset, reason: StopReason) {
        let position = match self.partitions.get(partition).map(|owned| &owned.phase) {
            Some(Phase::Fetching { position, .. } | Phase::Stopped { position }) => *position,
            _ => offset,
        };
        self.set_phase(partition, Phase::Stopped { position });
        self.effects.push_back(Effect::Unfetch { partition: partition.clone() });
        self.effects.push_back(Effect::Stop(Stop { partition: partition.clone(), offset, reason }));
    }

    fn settle(&mut self, partition: &Partition, generation: u64, mutations: Vec<Mutation>) {
        self.effects.push_back(Effect::Settle { partition: partition.clone(), generation, mutations });
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
