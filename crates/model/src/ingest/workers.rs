//! The states of the real `Worker`, by number.
//!
//! A `Worker` is neither copied nor compared. A state of it is therefore the list of inputs that leads there,
//! and two states are equal when their `Debug` texts are. Each input of each state runs once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanbridge_protocol::ingest::{
    Change, Digest, Failure, LogMismatchKind, LogRange, OnError, OnGap, Outcome, Partition, Payload, Record,
    RowTarget, Spec, StopReason, StoredPayload, Target, TargetKind, Worker, WorkerEffect, WorkerLimits,
};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Value};

use super::spanner::{PositionRow, StoredRows};
use super::{Answer, LogRecord};

/// The number of a state of a worker.
pub(super) type WorkerId = u32;
/// The number of a commit's mutations.
pub(super) type CommitId = u32;
/// The state of a worker that owns no partition.
pub(super) const NEW_WORKER: WorkerId = 0;
/// The table of the applied records.
pub(super) const TABLE_RECORDS: &str = "Records";

/// An input of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Assign,
    Position { generation: u64, stored: StoredRows, start: i64, end: i64 },
    Digest { generation: u64, offset: i64, found: Option<LogRecord> },
    PositionCommitEnded { generation: u64 },
    Record { generation: u64, record: LogRecord },
    EndReached { generation: u64, end: i64 },
    OutOfRange { generation: u64 },
    Outcome { attempt: u64, answer: Answer },
    Verified { attempt: u64, stored: Option<PositionRow> },
}

/// A request that follows an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    ReadPosition { generation: u64 },
    ReadDigest { generation: u64, offset: i64 },
    CommitPosition { generation: u64, commit: CommitId },
    Commit { attempt: u64, commit: CommitId },
    Verify { attempt: u64 },
    Fetch { generation: u64, offset: i64 },
    StopFetch,
    Stop(Stop),
}

/// The reason why a partition stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stop {
    /// Another log has taken the place of the log.
    LogReplaced,
    /// The log may be another one, and `on_gap` has no place where to continue.
    LogInDoubt,
    /// Any other reason, which only a flaw causes.
    Other,
}

/// All states of workers and all commits that were seen.
pub(super) struct Workers {
    on_gap: OnGap,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    histories: Vec<Vec<Input>>,
    numbers: HashMap<String, WorkerId>,
    steps: HashMap<(WorkerId, Input), (WorkerId, Vec<Effect>)>,
    commits: Vec<Arc<Vec<Mutation>>>,
}

impl Workers {
    pub(super) fn new(on_gap: OnGap) -> Self {
        Self { on_gap, tables: Mutex::default() }
    }

    /// Returns the state after an input, and the requests that follow.
    pub(super) fn step(&self, worker: WorkerId, input: Input) -> (WorkerId, Vec<Effect>) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(step) = tables.steps.get(&(worker, input)) {
            return step.clone();
        }
        if tables.histories.is_empty() {
            tables.histories.push(Vec::new());
        }
        let mut history = tables.histories[worker as usize].clone();
        let mut replayed = new_worker(self.on_gap);
        for earlier in &history {
            apply(&mut replayed, *earlier);
        }
        let effects = apply(&mut replayed, input);
        history.push(input);
        let next = number(tables.histories.len());
        let after = *tables.numbers.entry(format!("{replayed:?}")).or_insert(next);
        if after == next {
            tables.histories.push(history);
        }
        let effects: Vec<Effect> = effects.into_iter().filter_map(|effect| tables.effect(effect)).collect();
        tables.steps.insert((worker, input), (after, effects.clone()));
        (after, effects)
    }

    /// Returns the mutations of a commit.
    pub(super) fn commit(&self, commit: CommitId) -> Arc<Vec<Mutation>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).commits[commit as usize].clone()
    }
}

impl Stop {
    fn new(reason: &StopReason) -> Self {
        let StopReason::Log(mismatch) = reason else { return Self::Other };
        match mismatch.kind {
            LogMismatchKind::Replaced => Self::LogReplaced,
            LogMismatchKind::ReplacedOrTruncated | LogMismatchKind::TruncatedOrReplaced => Self::LogInDoubt,
            LogMismatchKind::Expired | LogMismatchKind::Truncated | LogMismatchKind::TruncatedAndGrown => {
                Self::Other
            }
        }
    }
}

impl Tables {
    fn effect(&mut self, effect: WorkerEffect) -> Option<Effect> {
        match effect {
            WorkerEffect::ReadPosition { generation, .. } => Some(Effect::ReadPosition { generation }),
            WorkerEffect::ReadDigest { generation, offset, .. } => {
                Some(Effect::ReadDigest { generation, offset })
            }
            WorkerEffect::CommitPosition { generation, mutations, .. } => {
                Some(Effect::CommitPosition { generation, commit: self.commit_number(mutations) })
            }
            WorkerEffect::Commit(commit) => {
                let attempt = commit.attempt;
                Some(Effect::Commit { attempt, commit: self.commit_number(commit.mutations) })
            }
            WorkerEffect::VerifyPositions { attempt, .. } => Some(Effect::Verify { attempt }),
            WorkerEffect::Fetch { generation, offset, .. } => Some(Effect::Fetch { generation, offset }),
            WorkerEffect::StopFetch { .. } => Some(Effect::StopFetch),
            WorkerEffect::ReportStop(stop) => Some(Effect::Stop(Stop::new(&stop.reason))),
            // No row has a state to read.
            _ => None,
        }
    }

    fn commit_number(&mut self, mutations: Vec<Mutation>) -> CommitId {
        let known = self.commits.iter().position(|known| **known == mutations);
        number(known.unwrap_or_else(|| {
            self.commits.push(Arc::new(mutations));
            self.commits.len() - 1
        }))
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or_else(|_| unreachable!("a model has fewer states"))
}

/// Applies an input. The clock stands still: nothing in the model waits.
fn apply(worker: &mut Worker<RecordPayload>, input: Input) -> Vec<WorkerEffect> {
    let (partition, now) = (partition(), Duration::ZERO);
    match input {
        Input::Assign => worker.assign(&[partition]),
        Input::Position { generation, stored, start, end } => {
            worker.apply_position(&partition, generation, stored.stored(), LogRange { start, end });
        }
        Input::Digest { generation, offset, found } => {
            worker.apply_digest(&partition, generation, offset, found.map(LogRecord::digest));
        }
        Input::PositionCommitEnded { generation } => worker.end_position_commit(&partition, generation),
        Input::Record { generation, record } => {
            let row = vec![Value::from(i64::from(record.log)), Value::from(record.offset)];
            let changes = Ok(vec![Change::Row { target: 0, row }]);
            let payload = RecordPayload(record);
            let record = Record { offset: record.offset, changes, payload, size: 1 };
            worker.add_records(&partition, generation, vec![record], now);
        }
        Input::EndReached { generation, end } => worker.reach_end(&partition, generation, end, now),
        Input::OutOfRange { generation } => worker.restart(&partition, generation),
        Input::Outcome { attempt, answer } => {
            let outcome = match answer {
                Answer::Committed => Outcome::Committed { mutations: None },
                Answer::Aborted => Outcome::Aborted,
                Answer::Fenced => Outcome::Fenced(Failure::new("FENCED", "a position row")),
                Answer::InDoubt => Outcome::InDoubt,
            };
            worker.apply_outcome(attempt, outcome, now);
        }
        Input::Verified { attempt, stored } => {
            worker.apply_verified_positions(attempt, &[(partition, stored.map(PositionRow::position))], now);
        }
    }
    std::iter::from_fn(|| worker.next_effect()).collect()
}

fn new_worker(on_gap: OnGap) -> Worker<RecordPayload> {
    let limits = WorkerLimits {
        max_records: 2,
        max_bytes: 1 << 10,
        max_wait: Duration::ZERO,
        max_in_flight: 1,
        cached_bytes: 1 << 10,
        max_mutations: 1000,
        backoff: Duration::ZERO,
        end_interval: Duration::ZERO,
    };
    let target = Target {
        table: TABLE_RECORDS.into(),
        columns: ["Log".to_owned(), "Offset".to_owned()].into(),
        key: vec![0, 1],
        kind: TargetKind::Rows(RowTarget { write: Write::Upsert, version: None }),
        locking: false,
    };
    let spec = Arc::new(Spec::new("p".into(), vec![target]));
    Worker::new(spec, limits, OnError::DeadLetter, on_gap)
}

fn partition() -> Partition {
    Partition { topic: "t".into(), number: 0 }
}

/// The payload of a record, of which only the digest matters.
#[derive(Debug)]
struct RecordPayload(LogRecord);

impl Payload for RecordPayload {
    fn digest(&self) -> Digest {
        self.0.digest()
    }

    fn stored(&self) -> StoredPayload {
        StoredPayload::default()
    }

    fn timestamp(&self) -> Option<Timestamp> {
        None
    }

    fn trace_id(&self) -> Option<String> {
        None
    }
}
