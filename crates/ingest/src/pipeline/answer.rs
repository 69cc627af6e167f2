use std::time::Duration;

use spanbridge_protocol::ingest::{
    Digest, Failure, LogRange, Offset, Outcome, Partition, Position, RowKey, StoredPartition,
};
use spanbridge_protocol::value::Value;

use crate::ErrorKind;
use crate::dead_letters::Replay;

/// The result of a request.
pub(super) enum Answer {
    /// The stored rows of a partition, and the offsets that its log holds.
    Position { partition: Partition, generation: u64, stored: StoredPartition, log: LogRange },
    /// The digest of the record at an offset, or `None` if the log does not hold the record.
    Digest { partition: Partition, generation: u64, offset: Offset, digest: Option<Digest> },
    /// The attempt to register or move a position has ended, with any outcome.
    Settled { partition: Partition, generation: u64 },
    /// The stored rows that a fold needs.
    States { attempt: u64, states: Vec<(RowKey, Vec<Value>)> },
    /// The transaction of a read under lock was aborted, without an effect.
    ReadAborted { attempt: u64 },
    /// The rows that a fold needs are too many for one read.
    ReadTooLarge { attempt: u64, failure: Failure },
    /// The outcome of a commit.
    Outcome { attempt: u64, outcome: Outcome, took: Duration },
    /// The stored positions of the partitions of a commit.
    Verified { attempt: u64, stored: Vec<(Partition, Option<Position>)> },
    /// Dead letters that an operator wants to replay.
    Replays { partition: Partition, generation: u64, replays: Vec<Replay> },
    /// The end of a log, from which the lag follows; `None` if the brokers did not answer.
    LogEnd { partition: Partition, end: Option<Offset> },
    /// Whether the log holds a committed record from the position to the end; `None` if the brokers did not answer.
    Rest { partition: Partition, position: Offset, end: Offset, has_records: Option<bool> },
    /// The pipeline ends with an error of this kind.
    Fatal(ErrorKind, String),
}
