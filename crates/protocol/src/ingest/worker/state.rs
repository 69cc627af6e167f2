//! What a worker knows of its partitions, and of the batch in its hands.

use std::collections::BTreeSet;

use crate::ingest::batch::Entry;
use crate::ingest::change::GroupKey;
use crate::ingest::letter::Failure;
use crate::ingest::position::{Move, Offset, Partition};
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
        /// The stored position.
        position: Offset,
        /// The least offset that the next record may have.
        next: Offset,
    },
    /// Records in front of the stop may still wait for their commit.
    Stopped { position: Offset },
}

pub(super) enum Step<P> {
    Idle,
    Reading { attempt: u64, batch: Vec<Entry<P>>, missing: BTreeSet<(Partition, GroupKey)> },
    Committing { batch: Vec<Entry<P>>, commit: Sent },
    Verifying { batch: Vec<Entry<P>>, commit: Sent, failure: Failure },
}

/// What is remembered of a commit on its way.
pub(super) struct Sent {
    pub(super) attempt: u64,
    pub(super) moves: Vec<Move>,
    pub(super) states: Vec<(Partition, GroupKey, Vec<Value>)>,
}
