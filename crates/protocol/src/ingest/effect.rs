//! What a worker is told and what it wants done.

use std::time::Duration;

use super::change::{Change, KeyRange, RowKey};
use super::dead_letter::Failure;
use super::fold::SkipCounts;
use super::position::{LogRange, Offset, Partition, PositionMove};
use crate::mutation::Mutation;

/// Bounds of a worker.
#[derive(Debug, Clone)]
pub struct WorkerLimits {
    pub max_records: usize,
    pub max_bytes: usize,
    /// How long the oldest record may wait for its commit.
    pub max_wait: Duration,
    /// Commits on their way at once, of different partitions.
    pub max_in_flight: usize,
    /// Bytes of group states held in memory.
    pub cached_bytes: usize,
    /// Mutations of a commit, as Spanner counts them, that learned batch sizes stay below.
    pub max_mutations: u64,
    /// First pause after an aborted commit; doubled each time, up to a second.
    pub backoff: Duration,
}

/// What a record does that cannot be decoded, mapped or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    DeadLetter,
    /// The partition stops in front of it.
    Stop,
}

/// What happens when the log no longer holds the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGap {
    Stop,
    /// Goes on at the log's start and records the gap.
    Skip,
}

/// A record as the service hands it in.
#[derive(Debug)]
pub struct Record<P> {
    pub offset: Offset,
    /// What it changes; nothing when it is filtered out.
    pub changes: Result<Vec<Change>, Failure>,
    pub payload: P,
    /// Bytes of the raw record.
    pub size: usize,
}

/// What the worker wants done. Every effect that can fail without an answer of its own (reading,
/// settling) is repeated by the service until it has one, or the partition is revoked.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerEffect {
    /// Read the position and the log's range, in that order; answer [`Worker::apply_position`].
    ReadPosition { partition: Partition, generation: u64 },
    /// Commit this, once, whatever comes of it; answer [`Worker::end_position_commit`].
    CommitPosition { partition: Partition, generation: u64, mutations: Vec<Mutation> },
    /// Read the log from that offset, dropping what is under way; [`Worker::add_records`].
    Fetch { partition: Partition, generation: u64, offset: Offset },
    /// Read no more of this partition.
    StopFetch { partition: Partition },
    /// Read these rows' states; answer [`Worker::apply_states`]. With `lock`, begin a transaction and read under
    /// its locks: the commit of the same attempt ends it. `first` is the attempt that this one repeats, since it was
    /// aborted; or itself.
    ReadStates { attempt: u64, first: u64, keys: Vec<RowKey>, ranges: Vec<KeyRange>, lock: bool },
    /// Commit, once, in this attempt's transaction if it has one; answer [`Worker::apply_outcome`].
    Commit(Commit),
    /// Roll this attempt's transaction back: nothing is left of it to commit.
    Rollback { attempt: u64 },
    /// Read the positions of these partitions; answer [`Worker::apply_verified_positions`].
    VerifyPositions { attempt: u64, partitions: Vec<Partition> },
    /// Tell the Kafka group, which is a mirror and never trusted.
    CommitGroupOffset { partition: Partition, next: Offset },
    /// A partition has stopped, and why.
    ReportStop(PartitionStop),
}

/// One commit: the positions it consumes and all that goes with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    pub attempt: u64,
    /// The attempt that this one repeats, since it was aborted; or itself.
    pub first: u64,
    /// Whether it ends the transaction in which this attempt's states were read.
    pub in_transaction: bool,
    pub mutations: Vec<Mutation>,
    pub moves: Vec<PositionMove>,
    /// Records it covers.
    pub records: usize,
    /// Whether they are replayed dead letters.
    pub replay: bool,
    /// Those of them that become dead letters.
    pub failures: Vec<(Partition, Offset, Failure)>,
    pub skipped: SkipCounts,
}

/// A stopped partition.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionStop {
    pub partition: Partition,
    pub offset: Offset,
    pub reason: StopReason,
}

/// Why a partition stops.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StopReason {
    #[error("{0}")]
    Record(Failure),
    #[error("{0}")]
    Gap(Gap),
}

/// The log no longer holds the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the position is {position}, but the log holds the offsets from {} up to {}", log.start, log.end
)]
pub struct Gap {
    pub position: Offset,
    pub log: LogRange,
}

/// The answer to a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With the number of mutations that Spanner counted, if it told.
    Committed { mutations: Option<u64> },
    /// Certainly not committed, and worth the same again.
    Aborted,
    /// Certainly not committed, for its data.
    Rejected(Failure),
    /// Certainly not committed, because it holds too much: less of it may pass.
    TooLarge(Failure),
    /// A row was gone or already there: somebody consumed a position, or the data is at fault.
    Fenced(Failure),
    /// Nobody knows.
    InDoubt,
}
