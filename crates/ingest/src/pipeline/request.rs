use spanbridge_protocol::ingest::{Failure, KeyRange, Offset, Partition, RowKey};
use spanbridge_protocol::mutation::Mutation;

use crate::ErrorKind;
use crate::policy::{self, Action};

/// A request that is repeated until it has an answer.
#[derive(Debug)]
pub(super) enum Request {
    /// Reads the stored rows of a partition, and the offsets that its log holds.
    Position { partition: Partition, generation: u64 },
    /// Reads the record at an offset, to compare its digest.
    Digest { partition: Partition, generation: u64, offset: Offset },
    /// Registers or moves a position. One attempt suffices, because the worker reads the position afterwards.
    Settle { partition: Partition, generation: u64, mutations: Vec<Mutation> },
    /// Reads stored rows without a lock.
    States { attempt: u64, keys: Vec<RowKey>, ranges: Vec<KeyRange> },
    /// Reads the positions of a commit whose outcome is not certain.
    Verify { attempt: u64, partitions: Vec<Partition> },
    /// Reads the dead letters that an operator wants to replay.
    Replays { partition: Partition, generation: u64 },
}

/// The failure of one attempt of a request.
pub(super) enum RequestError {
    /// The request is repeated after a pause.
    Retry(String),
    /// The rows of a batch are too many for one read.
    TooLarge(Failure),
    /// The pipeline ends with an error of this kind.
    Fatal(ErrorKind, String),
}

impl From<spanbridge_spanner::Error> for RequestError {
    fn from(error: spanbridge_spanner::Error) -> Self {
        match policy::spanner(error.kind()) {
            Action::Divide => Self::TooLarge(Failure {
                code: error.kind().code().into(),
                message: format!("the rows that the record changes cannot be read: {}", error.message()),
            }),
            Action::Stop | Action::Blame => {
                Self::Fatal(policy::spanner_failure(error.kind()), error.to_string())
            }
            Action::Retry | Action::Verify | Action::Forget => Self::Retry(error.to_string()),
        }
    }
}

impl From<spanbridge_kafka::Error> for RequestError {
    fn from(error: spanbridge_kafka::Error) -> Self {
        // Requests concern assigned partitions, which exist even if a broker does not know them yet.
        match policy::kafka_may_come(error.kind(), true) {
            Action::Stop => Self::Fatal(policy::kafka_failure(error.kind()), error.to_string()),
            _ => Self::Retry(error.to_string()),
        }
    }
}
