//! Tests of a worker that is driven by hand, and the helpers that they share.

mod end_of_log;
mod log_identity;

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::ingest::{
    Commit, LogRange, Offset, OnError, OnGap, Outcome, Partition, Position, Record, Registration, Spec,
    StoredPartition, WorkerEffect, WorkerLimits,
};
use crate::sim::EmptyPayload;

pub(super) const COMMITTED: Outcome = Outcome::Committed { mutations: None };
pub(super) const END_INTERVAL: Duration = Duration::from_secs(2);

pub(super) fn partition(number: i32) -> Partition {
    Partition { topic: "t".into(), number }
}

/// A worker, and the time of its clock.
pub(super) struct TestWorker {
    pub(super) worker: Worker<EmptyPayload>,
    pub(super) now: Duration,
}

impl TestWorker {
    pub(super) fn new(on_gap: OnGap) -> Self {
        let limits = WorkerLimits {
            max_records: 100,
            max_bytes: 1 << 20,
            max_wait: Duration::ZERO,
            max_in_flight: 4,
            cached_bytes: 1 << 20,
            max_mutations: 72_000,
            backoff: Duration::from_millis(1),
            end_interval: END_INTERVAL,
        };
        let spec = Arc::new(Spec::new("p".into(), Vec::new()));
        let worker = Worker::new(spec, limits, OnError::DeadLetter, on_gap);
        Self { worker, now: Duration::ZERO }
    }

    /// Takes all effects.
    pub(super) fn effects(&mut self) -> Vec<WorkerEffect> {
        std::iter::from_fn(|| self.worker.next_effect()).collect()
    }

    /// Takes the only effect.
    pub(super) fn effect(&mut self) -> WorkerEffect {
        let mut effects = self.effects();
        assert_eq!(effects.len(), 1, "{effects:?}");
        effects.remove(0)
    }

    /// Takes the only effect, which is a commit.
    pub(super) fn commit(&mut self) -> Commit {
        match self.effect() {
            WorkerEffect::Commit(commit) => commit,
            other => panic!("{other:?}"),
        }
    }

    /// Assigns a partition. Returns its generation.
    pub(super) fn assign(&mut self, partition: &Partition) -> u64 {
        self.worker.assign(std::slice::from_ref(partition));
        self.read_position(partition)
    }

    /// Takes the request for the position of a partition. Returns the generation.
    pub(super) fn read_position(&mut self, of: &Partition) -> u64 {
        match self.effect() {
            WorkerEffect::ReadPosition { partition, generation } if partition == *of => generation,
            other => panic!("{other:?}"),
        }
    }

    /// Assigns a partition that is fetched from this position on. Returns its generation.
    pub(super) fn fetch(&mut self, partition: &Partition, next: Offset, log: LogRange) -> u64 {
        let generation = self.assign(partition);
        self.worker.apply_position(partition, generation, stored(position(next)), log);
        assert!(
            matches!(self.effect(), WorkerEffect::Fetch { offset, .. } if offset == next),
            "the log contains {next}"
        );
        generation
    }

    pub(super) fn add(&mut self, partition: &Partition, generation: u64, offsets: &[Offset]) {
        let record = |offset: &Offset| Record {
            offset: *offset,
            changes: Ok(Vec::new()),
            payload: EmptyPayload,
            size: 1,
        };
        let records = offsets.iter().map(record).collect();
        self.worker.add_records(partition, generation, records, self.now);
    }

    pub(super) fn reach_end(&mut self, partition: &Partition, generation: u64, end: Offset) {
        self.worker.reach_end(partition, generation, end, self.now);
    }

    pub(super) fn end(&mut self, commit: &Commit, outcome: Outcome) {
        self.worker.apply_outcome(commit.attempt, outcome, self.now);
    }
}

pub(super) fn position(next: Offset) -> Position {
    Position { next, revision: 0, event_time: None, last_record: None }
}

/// The rows of a partition without fingerprints, as an earlier version has left them.
pub(super) fn stored(position: Position) -> StoredPartition {
    StoredPartition::Registered { position, registration: Registration::default() }
}

pub(super) fn log(start: Offset, end: Offset) -> LogRange {
    LogRange { start, end }
}

/// Returns the offsets that a commit of one partition consumes and leaves.
pub(super) fn step(commit: &Commit) -> (Offset, Offset) {
    let [step] = &commit.moves[..] else { panic!("{commit:?}") };
    (step.from.next, step.to.next)
}
