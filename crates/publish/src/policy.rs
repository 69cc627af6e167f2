//! The table from kinds of errors to their consequences. All decisions to retry, restart or stop are made here.

use spanbridge_kafka::ErrorKind as Kafka;
use spanbridge_schema::ErrorKind as Schema;
use spanbridge_service::FailureClass;
use spanbridge_spanner::ErrorKind as Spanner;

use crate::ErrorKind;

/// The consequence of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The operation had no effect: retry after a pause.
    Retry,
    /// The outcome is unknown: drop the shard with its producer and queries, and restart it from its stored state.
    Restart,
    /// Another worker has taken the shard: restart it, after the group has had time to report that.
    Fenced,
    /// The group has assigned the shard to another worker: stop it.
    Leave,
    /// A person must fix the cause: stop the pipeline.
    Stop(ErrorKind),
}

/// The consequence of an error of Kafka.
pub(crate) fn kafka(kind: Kafka) -> Action {
    match kind {
        // NOT_FOUND concerns topics that have existed: brokers learn of a new topic one after the other, and a deleted
        // one may be created again.
        // Credentials and certificates may be about to change: a pipeline that runs waits for that.
        Kafka::Unavailable | Kafka::NotFound | Kafka::Authentication | Kafka::Tls => Action::Retry,
        Kafka::InDoubt | Kafka::OutOfRange | Kafka::Bug => Action::Restart,
        Kafka::Fenced => Action::Fenced,
        Kafka::Revoked => Action::Leave,
        Kafka::TooLarge => Action::Stop(ErrorKind::Record),
        Kafka::Denied => Action::Stop(ErrorKind::Denied),
        // Config, and kinds that a later version adds.
        _ => Action::Stop(ErrorKind::Refused),
    }
}

/// The consequence of an error of Spanner.
pub(crate) fn spanner(kind: Spanner) -> Action {
    match kind {
        Spanner::Unavailable | Spanner::Aborted | Spanner::InDoubt => Action::Retry,
        Spanner::Expired => Action::Stop(ErrorKind::Expired),
        Spanner::Denied => Action::Stop(ErrorKind::Denied),
        Spanner::Config
        | Spanner::NotFound
        | Spanner::AlreadyExists
        | Spanner::Rejected
        | Spanner::TooLarge => Action::Stop(ErrorKind::Refused),
        Spanner::Bug => Action::Stop(ErrorKind::Bug),
    }
}

/// The consequence of an error of a read at a past timestamp. Old versions of rows expire there, and not changes.
pub(crate) fn snapshot_read(kind: Spanner) -> Action {
    match kind {
        Spanner::Expired => Action::Stop(ErrorKind::SnapshotExpired),
        kind => spanner(kind),
    }
}

/// The consequence of an error of the schema registry, or of a schema.
pub(crate) fn schema(kind: Schema) -> Action {
    match kind {
        Schema::Unavailable => Action::Retry,
        Schema::Incompatible | Schema::Underivable => Action::Stop(ErrorKind::Schema),
        Schema::Encode | Schema::TooLarge | Schema::Payload | Schema::Envelope | Schema::Frame => {
            Action::Stop(ErrorKind::Record)
        }
        Schema::Unauthorized => Action::Stop(ErrorKind::Denied),
        Schema::Configuration
        | Schema::Rejected
        | Schema::UnknownSchema
        | Schema::UnknownSubject
        | Schema::UnusableSchema => Action::Stop(ErrorKind::Refused),
    }
}

/// Returns the supervisor's reaction to a pipeline that ended with an error of this kind.
pub(crate) fn class(kind: ErrorKind) -> FailureClass {
    match kind {
        // A restart drops everything in memory, so that a bug may not repeat.
        ErrorKind::Unreachable | ErrorKind::Bug => FailureClass::Retriable,
        ErrorKind::Denied => FailureClass::Credentials,
        _ => FailureClass::Permanent,
    }
}
