//! What follows from the answer to a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Worker;
use super::state::{Flight, Phase, Sent, Step, Tries, Waiting};
use crate::ingest::batch::Entry;
use crate::ingest::dead_letter::{Failure, Payload};
use crate::ingest::effect::{OnError, Outcome, StopReason, WorkerEffect};
use crate::ingest::position::{Partition, Position, PositionMove};

/// The longest pause after an aborted commit.
const LONGEST: Duration = Duration::from_secs(1);

impl<P: Payload> Worker<P> {
    /// The answer to a commit.
    pub fn apply_outcome(&mut self, attempt: u64, outcome: Outcome, now: Duration) {
        let Some(flight) = self.landed(attempt, |step| matches!(step, Step::Committing(_))) else { return };
        let Flight { batch, tries, step: Step::Committing(sent) } = flight else {
            unreachable!("as asked for")
        };
        match outcome {
            Outcome::Committed { mutations } => {
                self.pace.committed(batch.len(), mutations);
                self.committed(&batch, sent);
            }
            Outcome::Aborted => self.aborted(batch, tries, now),
            Outcome::Rejected(failure) => self.rejected(batch, failure, now),
            Outcome::TooLarge(failure) => {
                self.pace.too_large(batch.len());
                self.rejected(batch, failure, now);
            }
            Outcome::Fenced(failure) if self.all_current(&batch) => {
                let partitions = sent.moves.iter().map(|step| step.partition.clone()).collect();
                self.effects.push_back(WorkerEffect::VerifyPositions { attempt, partitions });
                self.flights.insert(attempt, Flight { batch, tries, step: Step::Verifying(sent, failure) });
            }
            Outcome::Fenced(_) | Outcome::InDoubt => self.begin_again(&batch),
        }
        self.start_due_commits(now);
    }

    /// The stored positions, asked for after a commit was refused: if each is still where we held
    /// it, the fence was ours and the data is at fault.
    pub fn apply_verified_positions(
        &mut self,
        attempt: u64,
        stored: &[(Partition, Option<Position>)],
        now: Duration,
    ) {
        let Some(flight) = self.landed(attempt, |step| matches!(step, Step::Verifying(..))) else { return };
        let Flight { batch, step: Step::Verifying(sent, failure), .. } = flight else {
            unreachable!("as asked for")
        };
        let held = sent.moves.iter().all(|step| {
            let stored = stored.iter().find(|(partition, _)| *partition == step.partition);
            stored.is_some_and(|(_, position)| position.is_some_and(|position| position.is(step.from)))
        });
        if held && self.all_current(&batch) {
            self.rejected(batch, failure, now);
        } else {
            self.begin_again(&batch);
        }
        self.start_due_commits(now);
    }

    fn committed(&mut self, batch: &[Entry<P>], sent: Sent) {
        let generations: BTreeMap<&Partition, u64> =
            batch.iter().map(|entry| (&entry.partition, entry.generation)).collect();
        let ours =
            |worker: &Self, partition: &Partition| worker.is_current(partition, generations[partition]);
        for (partition, key, state) in sent.states {
            if ours(self, &partition) {
                self.cache.put(&partition, key, state);
            }
        }
        for PositionMove { partition, from, to } in sent.moves {
            if !ours(self, &partition) {
                continue;
            }
            match self.partitions.get_mut(&partition).map(|owned| &mut owned.phase) {
                Some(Phase::Fetching { position, .. } | Phase::Stopped { position }) => {
                    assert!(position.is(from), "{partition}: the position that was consumed");
                    *position = to;
                }
                _ => unreachable!("{partition}: its generation is that of the commit"),
            }
            self.effects.push_back(WorkerEffect::CommitGroupOffset { partition, next: to.next });
        }
    }

    /// The same again, after a pause that doubles each time.
    pub(super) fn aborted(&mut self, batch: Vec<Entry<P>>, tries: Tries, now: Duration) {
        let pause = self.limits.backoff.saturating_mul(1 << tries.aborts.min(10)).min(LONGEST);
        let tries = Tries { aborts: tries.aborts.saturating_add(1), ..tries };
        self.again(batch, tries, now + pause);
    }

    /// Spanner refuses this batch: find the record by halving.
    fn rejected(&mut self, mut batch: Vec<Entry<P>>, failure: Failure, now: Duration) {
        // The whole batch was refused: its last current record need not be the one at fault.
        if batch.len() > 1 {
            let second = batch.split_off(batch.len() / 2);
            self.again(second, Tries::default(), now);
            self.again(batch, Tries::default(), now);
            return;
        }
        let Some(mut entry) = self.current(batch).pop() else { return };
        if entry.changes.is_ok() && (entry.replay || self.on_error == OnError::DeadLetter) {
            entry.changes = Err(failure);
            self.again(vec![entry], Tries::default(), now);
        } else if !entry.replay {
            self.drop_from(&entry.partition, entry.offset);
            self.stop(&entry.partition, entry.offset, StopReason::Record(failure));
        }
        // Of a replay nothing is left to write: its letter is gone.
    }

    /// Puts a batch back, in front of all that waits.
    pub(super) fn again(&mut self, batch: Vec<Entry<P>>, tries: Tries, not_before: Duration) {
        let batch = self.current(batch);
        if !batch.is_empty() {
            self.waiting.push_front(Waiting { batch, tries, not_before });
        }
    }

    /// The one rule: forget, read the stored position, go on from there.
    fn begin_again(&mut self, batch: &[Entry<P>]) {
        let partitions: BTreeSet<&Partition> = batch
            .iter()
            .filter(|entry| self.is_current(&entry.partition, entry.generation))
            .map(|entry| &entry.partition)
            .collect();
        for partition in partitions {
            self.begin(partition);
        }
    }
}
