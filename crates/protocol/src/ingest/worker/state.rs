//! What a worker knows of its partitions, and of the batches in its hands.

use std::time::Duration;

use crate::ingest::batch::Entry;
use crate::ingest::change::RowKey;
use crate::ingest::dead_letter::Failure;
use crate::ingest::fold::{Known, Missing};
use crate::ingest::position::{Partition, Position, PositionMove};
use crate::value::Value;

pub(super) struct Owned {
    /// Grows with every beginning from the stored position; answers to older ones are void.
    pub(super) generation: u64,
    pub(super) phase: Phase,
}

pub(super) enum Phase {
    /// The position is being read, registered, or moved over a gap.
    Finding,
    Fetching {
        /// As stored.
        position: Position,
        /// The least offset that the next record may have.
        next: i64,
    },
    /// Records in front of the stop may still wait for their commit.
    Stopped { position: Position },
}

/// A batch on its way into Spanner. No partition is in two of them.
pub(super) struct Flight<P> {
    pub(super) batch: Vec<Entry<P>>,
    pub(super) tries: Tries,
    pub(super) step: Step,
}

/// What has been tried with a batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tries {
    /// How often it was aborted.
    pub(super) aborts: u32,
    /// The first attempt, once there is one.
    pub(super) first: Option<u64>,
}

pub(super) enum Step {
    Reading { known: Known, missing: Missing, lock: bool },
    Committing(Sent),
    Verifying(Sent, Failure),
}

/// What is remembered of a commit on its way.
pub(super) struct Sent {
    pub(super) moves: Vec<PositionMove>,
    pub(super) states: Vec<(Partition, RowKey, Vec<Value>)>,
}

/// A batch that goes, as it is, before all else of its partitions: the half of a refused one, an aborted one.
pub(super) struct Waiting<P> {
    pub(super) batch: Vec<Entry<P>>,
    pub(super) tries: Tries,
    pub(super) not_before: Duration,
}
