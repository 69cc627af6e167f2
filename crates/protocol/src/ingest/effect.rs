//! The effects that a worker requests from the service that runs it.

use super::change::{KeyRange, RowKey};
use super::failure::Failure;
use super::fold::SkipCounts;
use super::position::{Gap, Offset, Partition, PositionMove};
use super::stop::PartitionStop;
use crate::mutation::Mutation;

/// An effect that the service carries out for a [`super::Worker`].
///
/// The service repeats [`Self::ReadPosition`], [`Self::ReadDigest`] and [`Self::CommitPosition`] until they
/// have an answer, or until the partition is revoked.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerEffect {
    /// Read the partition's row and its position as of one time, then the offsets that the log contains. Then
    /// call [`super::Worker::apply_position`].
    ReadPosition {
        /// The partition.
        partition: Partition,
        /// The partition's generation, to return with the answer.
        generation: u64,
    },
    /// Fetch the record at this offset, without a consumer group. Then call [`super::Worker::apply_digest`].
    ReadDigest {
        /// The partition.
        partition: Partition,
        /// The partition's generation, to return with the answer.
        generation: u64,
        /// The offset, which the log contained when the position was read.
        offset: Offset,
    },
    /// Commit mutations that register a partition or move its position over a gap, once, whatever the
    /// outcome. Then call [`super::Worker::end_position_commit`].
    CommitPosition {
        /// The partition.
        partition: Partition,
        /// The partition's generation, to return with the answer.
        generation: u64,
        /// The mutations.
        mutations: Vec<Mutation>,
        /// The gap that the move skips; `None` for a registration.
        gap: Option<Gap>,
    },
    /// Fetch the partition from this offset on, and drop records that were fetched before. Pass the
    /// records to [`super::Worker::add_records`].
    Fetch {
        /// The partition.
        partition: Partition,
        /// The partition's generation, to pass with the records.
        generation: u64,
        /// The first offset.
        offset: Offset,
    },
    /// Stop fetching the partition.
    StopFetch {
        /// The partition.
        partition: Partition,
    },
    /// Read the states of these rows. Then call [`super::Worker::apply_states`].
    ReadStates {
        /// The attempt, to return with the answer.
        attempt: u64,
        /// The first attempt with the same batch: this one, unless earlier ones were aborted.
        first: u64,
        /// The rows to read.
        keys: Vec<RowKey>,
        /// The ranges of rows to read.
        ranges: Vec<KeyRange>,
        /// True to begin a transaction and read under its locks. The commit of the same attempt ends
        /// the transaction.
        lock: bool,
    },
    /// Commit once, in the attempt's transaction if it has one. Then call
    /// [`super::Worker::apply_outcome`].
    Commit(Commit),
    /// Roll back the attempt's transaction, because there is nothing to commit.
    Rollback {
        /// The attempt.
        attempt: u64,
    },
    /// Read the positions of these partitions. Then call [`super::Worker::apply_verified_positions`].
    VerifyPositions {
        /// The attempt, to return with the answer.
        attempt: u64,
        /// The partitions.
        partitions: Vec<Partition>,
    },
    /// Commit the offset to the Kafka consumer group, for monitoring tools. Nothing reads it back:
    /// "Group only assigns" (docs/design/ingest-positions.md).
    CommitGroupOffset {
        /// The partition.
        partition: Partition,
        /// The next offset.
        next: Offset,
    },
    /// Report that a partition has stopped.
    ReportStop(PartitionStop),
}

/// One commit: the positions that it consumes, and all mutations that depend on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The attempt, to return with the outcome.
    pub attempt: u64,
    /// The first attempt with the same batch: this one, unless earlier ones were aborted.
    pub first: u64,
    /// True if the commit ends the transaction in which the attempt's states were read.
    pub in_transaction: bool,
    /// The mutations.
    pub mutations: Vec<Mutation>,
    /// The positions that the mutations consume and leave.
    pub moves: Vec<PositionMove>,
    /// The number of records in the commit.
    pub records: usize,
    /// True if the records are replayed dead letters.
    pub replay: bool,
    /// The records that become dead letters.
    pub failures: Vec<(Partition, Offset, Failure)>,
    /// The changes that were left out.
    pub skipped: SkipCounts,
}
