//! The one table that says what is done about which kind of error.

use spanbridge_kafka::ErrorKind as Kafka;
use spanbridge_schema::ErrorKind as Schema;
use spanbridge_spanner::ErrorKind as Spanner;

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing has happened: the same again, after a pause.
    Retry,
    /// A position may have been consumed: read it, and only if it stands blame the data.
    Verify,
    /// Nobody knows: forget, read the position, go on from there.
    Forget,
    /// The data is at fault: find the record.
    Blame,
    /// It is too much at once: send less of it.
    Divide,
    /// Only a person can mend it.
    Stop,
}

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

pub(crate) fn kafka(kind: Kafka) -> Action {
    match kind {
        Kafka::Unavailable | Kafka::Revoked => Action::Retry,
        Kafka::OutOfRange | Kafka::InDoubt => Action::Forget,
        // Fenced, Denied, NotFound, Config, TooLarge, Bug, and what a later version adds.
        _ => Action::Stop,
    }
}

/// Where what is not there may still come: topics by pattern, and a partition that a broker does not know yet.
pub(crate) fn to_come(kind: Kafka, may_come: bool) -> Action {
    match kafka(kind) {
        Action::Stop if may_come && kind == Kafka::NotFound => Action::Retry,
        action => action,
    }
}

pub(crate) fn schema(kind: Schema) -> Action {
    if kind.is_retriable() {
        Action::Retry
    } else if kind.is_data() {
        Action::Blame
    } else {
        Action::Stop
    }
}
