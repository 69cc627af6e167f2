//! One process: its worker, and the requests that the worker waits for.

use super::Answer;
use super::spanner::StoredRows;
use super::workers::{NEW_WORKER, Stop, WorkerId};

/// A process that owns no partition.
pub(super) const NEW_PROCESS: Process =
    Process { worker: NEW_WORKER, waiting: Vec::new(), fetch: None, stopped: None };

/// One process: its worker, and the requests that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) worker: WorkerId,
    pub(super) waiting: Vec<Waiting>,
    pub(super) fetch: Option<Fetch>,
    pub(super) stopped: Option<Stop>,
}

/// A fetch of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fetch {
    pub(super) generation: u64,
    pub(super) next: i64,
    /// The log that is fetched. The brokers report an error if another one has taken its place. `None` if they
    /// would not.
    pub(super) log: Option<u8>,
}

/// A request that a worker waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waiting {
    /// The stored position.
    Position {
        /// The partition's generation.
        generation: u64,
    },
    /// The range of the log, after the position has been read.
    LogRange {
        /// The partition's generation.
        generation: u64,
        /// The stored rows.
        stored: StoredRows,
    },
    /// The digest of a record of the log.
    Digest {
        /// The partition's generation.
        generation: u64,
        /// The offset of the record.
        offset: i64,
    },
    /// The position after a fence.
    Verification {
        /// The attempt of the commit.
        attempt: u64,
    },
    /// The answer to a commit.
    Answer {
        /// The sender of the commit.
        sender: Sender,
        /// The answer, once Spanner has given it.
        answer: Option<Answer>,
    },
}

/// The part of a worker that waits for the answer to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// A batch, or a move to the end of the log.
    Batch {
        /// The attempt.
        attempt: u64,
    },
    /// A registration, or a move over a gap.
    Position {
        /// The partition's generation.
        generation: u64,
    },
}
