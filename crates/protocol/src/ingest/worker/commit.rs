//! A batch on its way: what must be read first, and the commit.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Worker;
use super::state::{Flight, Phase, Sent, Step, Tries};
use crate::guard::{Guard, is_enforced};
use crate::ingest::batch::Entry;
use crate::ingest::change::RowKey;
use crate::ingest::dead_letter::{Failure, Payload};
use crate::ingest::effect::{Commit, OnError, StopReason, WorkerEffect};
use crate::ingest::fold::{self, Folded, Known};
use crate::ingest::position::{self, Offset, Partition, Position, PositionMove};
use crate::value::{Timestamp, Value};

impl<P: Payload> Worker<P> {
    pub(super) fn start(&mut self, batch: Vec<Entry<P>>, tries: Tries, now: Duration) {
        self.attempts += 1;
        let attempt = self.attempts;
        let first = tries.first.unwrap_or(attempt);
        let tries = Tries { first: Some(first), ..tries };
        let (known, missing) = Known::of(&self.spec, &batch, &mut self.cache);
        if missing.is_empty() {
            self.commit(attempt, batch, tries, &known, None, now);
            return;
        }
        let locking = missing.targets().any(|target| self.spec.targets[target].locking);
        let lock = locking && is_enforced(Guard::SharedRowsUnderLock);
        let (keys, ranges) = (missing.keys.iter().cloned().collect(), missing.ranges.clone());
        self.effects.push_back(WorkerEffect::ReadStates { attempt, first, keys, ranges, lock });
        let step = Step::Reading { known, missing, lock };
        self.flights.insert(attempt, Flight { batch, tries, step });
    }

    /// What Spanner holds of the rows asked for: their states, absent ones left out.
    pub fn apply_states(&mut self, attempt: u64, found: Vec<(RowKey, Vec<Value>)>, now: Duration) {
        let Some(flight) = self.landed(attempt, |step| matches!(step, Step::Reading { .. })) else { return };
        let Flight { batch, tries, step: Step::Reading { mut known, missing, lock } } = flight else {
            unreachable!("as asked for")
        };
        known.learn(missing, found);
        let batch = self.current(batch);
        self.commit(attempt, batch, tries, &known, lock.then_some(attempt), now);
        self.start_due_commits(now);
    }

    /// The states could not be read: somebody else holds the locks, or the transaction is gone.
    pub fn abort_read(&mut self, attempt: u64, now: Duration) {
        let Some(flight) = self.landed(attempt, |step| matches!(step, Step::Reading { .. })) else { return };
        self.aborted(flight.batch, flight.tries, now);
        self.start_due_commits(now);
    }

    fn commit(
        &mut self,
        attempt: u64,
        mut batch: Vec<Entry<P>>,
        tries: Tries,
        known: &Known,
        transaction: Option<u64>,
        now: Duration,
    ) {
        let mut folded = self.fold(&batch, known);
        let replay = batch.iter().any(|entry| entry.replay);
        if self.on_error == OnError::Stop && !replay && !folded.failures.is_empty() {
            batch = self.stop_at_failures(batch, &folded.failures);
            folded = self.fold(&batch, known);
        }
        let rest = batch.split_off(folded.taken);
        self.again(rest, Tries::default(), now);
        if batch.is_empty() {
            if let Some(attempt) = transaction {
                self.effects.push_back(WorkerEffect::Rollback { attempt });
            }
            return;
        }
        let Folded { mutations, states, failures, event_times, skipped, .. } = folded;
        let moves = self.moves(&batch, &event_times);
        let mut all = position::advance(&self.spec.pipeline, &moves);
        all.extend(mutations);
        self.effects.push_back(WorkerEffect::Commit(Commit {
            attempt,
            first: tries.first.unwrap_or(attempt),
            in_transaction: transaction.is_some(),
            mutations: all,
            moves: moves.clone(),
            records: batch.len(),
            replay,
            failures,
            skipped,
        }));
        let step = Step::Committing(Sent { moves, states });
        self.flights.insert(attempt, Flight { batch, tries, step });
    }

    fn fold(&self, batch: &[Entry<P>], known: &Known) -> Folded {
        let times = batch
            .iter()
            .filter_map(|entry| Some((entry.partition.clone(), self.stored(&entry.partition).event_time?)));
        fold::fold(&self.spec, batch, known, times.collect())
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
            self.drop_from(partition, *offset);
            self.stop(partition, *offset, StopReason::Record(failure.clone()));
        }
        batch
    }

    fn moves(&self, batch: &[Entry<P>], event_times: &BTreeMap<Partition, Timestamp>) -> Vec<PositionMove> {
        let mut ends: BTreeMap<&Partition, Offset> = BTreeMap::new();
        for entry in batch {
            let end = ends.entry(&entry.partition).or_insert(entry.offset);
            assert!(entry.offset >= *end, "{}: a batch is in the order of its offsets", entry.partition);
            *end = entry.offset;
        }
        let replay = batch.iter().any(|entry| entry.replay);
        let step = |(partition, last): (&Partition, Offset)| {
            let from = self.stored(partition);
            let event_time = event_times.get(partition).copied();
            let to = if replay { from.revised(event_time) } else { from.forward(last + 1, event_time) };
            PositionMove { partition: partition.clone(), from, to }
        };
        ends.into_iter().map(step).collect()
    }

    /// The stored position of a partition that is being applied.
    fn stored(&self, partition: &Partition) -> Position {
        match self.partitions.get(partition).map(|owned| &owned.phase) {
            Some(Phase::Fetching { position, .. } | Phase::Stopped { position }) => *position,
            _ => unreachable!("{partition}: its records are current, so its position is known"),
        }
    }
}
