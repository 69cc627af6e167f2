//! Batches that have left the queue: in flight, or waiting to be tried again.

use std::time::Duration;

use crate::ingest::change::RowKey;
use crate::ingest::failure::Failure;
use crate::ingest::fold::{MissingStates, StoredStates};
use crate::ingest::position::{Partition, PositionMove};
use crate::ingest::record::PendingRecord;
use crate::value::Value;

/// A batch in flight. No partition is in two of them.
#[derive(Debug)]
pub(super) struct InFlightBatch<P> {
    pub(super) batch: Vec<PendingRecord<P>>,
    pub(super) retries: RetryState,
    pub(super) stage: BatchStage,
}

/// The event that a batch in flight waits for.
#[derive(Debug)]
pub(super) enum BatchStage {
    /// The states that the batch depends on are being read, under lock if `lock` is set.
    Reading { known: StoredStates, missing: MissingStates, lock: bool },
    /// The commit has been sent.
    Committing(SentCommit),
    /// The positions are being read after the commit was fenced.
    Verifying(SentCommit, Failure),
}

/// The parts of a sent commit that the worker needs after it.
#[derive(Debug)]
pub(super) struct SentCommit {
    pub(super) moves: Vec<PositionMove>,
    /// The group states to cache once the commit has been applied.
    pub(super) states: Vec<(Partition, RowKey, Vec<Value>)>,
}

/// How often a batch has been tried.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RetryState {
    /// The number of aborts.
    pub(super) aborts: u32,
    /// The first attempt, once there is one.
    pub(super) first_attempt: Option<u64>,
}

/// A batch that is tried again as it is, before anything else of its partitions: after an abort, or as
/// one half of a rejected batch.
#[derive(Debug)]
pub(super) struct RetryBatch<P> {
    pub(super) batch: Vec<PendingRecord<P>>,
    pub(super) retries: RetryState,
    pub(super) not_before: Duration,
}
