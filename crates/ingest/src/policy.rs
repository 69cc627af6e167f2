//! The reaction of ingest to each kind of error of Spanner, Kafka and the registry.
//!
//! This is the only place that decides whether an error is retried. The requests and the mapping ask it; the worker's
//! state machine receives the result as an outcome.

use spanbridge_kafka::ErrorKind as Kafka;
use spanbridge_schema::ErrorKind as Schema;
use spanbridge_service::FailureClass;
use spanbridge_spanner::ErrorKind as Spanner;

use crate::ErrorKind;

/// The reaction to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The request had no effect. It is repeated after a pause.
    Retry,
    /// Another worker may have consumed the position. It is read, and the data is blamed only if it is unchanged.
    Verify,
    /// The outcome is unknown. All buffers are dropped, and the worker continues from the stored position.
    Forget,
    /// The data is invalid. The batch is halved until the record is found.
    Blame,
    /// The commit is too large. A smaller one may pass.
    Divide,
    /// The pipeline stops until somebody changes something.
    Stop,
}

/// Returns the reaction to an error of Spanner.
pub(crate) fn spanner(kind: Spanner) -> Action {
    match kind {
        Spanner::Aborted | Spanner::Unavailable => Action::Retry,
        Spanner::NotFound | Spanner::AlreadyExists => Action::Verify,
        Spanner::InDoubt => Action::Forget,
        Spanner::Rejected => Action::Blame,
        Spanner::TooLarge => Action::Divide,
        Spanner::Denied | Spanner::Expired | Spanner::Config | Spanner::Bug => Action::Stop,
    }
}

/// Returns the reaction to an error of Kafka.
pub(crate) fn kafka(kind: Kafka) -> Action {
    match kind {
        // Credentials and certificates may be about to change: a pipeline that runs waits for that.
        Kafka::Unavailable | Kafka::Revoked | Kafka::Authentication | Kafka::Tls => Action::Retry,
        Kafka::OutOfRange | Kafka::InDoubt => Action::Forget,
        // Fenced, Denied, NotFound, Config, TooLarge, Bug, and kinds that a later version adds.
        _ => Action::Stop,
    }
}

/// Returns the reaction to an error of Kafka about a topic or partition that may still appear: the topics of a pattern,
/// and a partition that a broker does not know yet.
pub(crate) fn kafka_may_come(kind: Kafka, may_come: bool) -> Action {
    match kafka(kind) {
        Action::Stop if may_come && kind == Kafka::NotFound => Action::Retry,
        action => action,
    }
}

/// Returns the reaction to an error of the registry or of a decoder.
pub(crate) fn schema(kind: Schema) -> Action {
    if kind.is_retriable() {
        Action::Retry
    } else if kind.is_data() {
        Action::Blame
    } else {
        Action::Stop
    }
}

/// Returns the kind of a pipeline's error after an error of Spanner that the pipeline does not retry itself.
pub(crate) fn spanner_failure(kind: Spanner) -> ErrorKind {
    match kind {
        Spanner::Aborted | Spanner::Unavailable | Spanner::InDoubt => ErrorKind::Unreachable,
        Spanner::Denied => ErrorKind::Denied,
        _ => ErrorKind::Refused,
    }
}

/// Returns the kind of a pipeline's error after an error of Kafka that the pipeline does not retry itself.
pub(crate) fn kafka_failure(kind: Kafka) -> ErrorKind {
    match kind {
        // The next run has a new client, and requires the topics before anything else: a topic that exists is unknown to a
        // broker that has just started.
        Kafka::Unavailable | Kafka::InDoubt | Kafka::NotFound | Kafka::Fenced => ErrorKind::Unreachable,
        Kafka::Bug => ErrorKind::Bug,
        Kafka::Denied | Kafka::Authentication | Kafka::Tls => ErrorKind::Denied,
        _ => ErrorKind::Refused,
    }
}

/// Returns the kind of a pipeline's error after an error of the registry that the pipeline does not retry itself.
pub(crate) fn schema_failure(kind: Schema) -> ErrorKind {
    match kind {
        Schema::Unavailable => ErrorKind::Unreachable,
        Schema::Unauthorized => ErrorKind::Denied,
        _ => ErrorKind::Refused,
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
