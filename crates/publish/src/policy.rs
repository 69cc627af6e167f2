//! The one table that says what is done about which kind of error.

use spanbridge_kafka::ErrorKind as Kafka;
use spanbridge_schema::Kind as Schema;
use spanbridge_spanner::ErrorKind as Spanner;

use crate::ErrorKind;

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing has happened: the same again, after a pause.
    Retry,
    /// Nobody knows: drop the shard with its producer and queries, build it again from its state.
    Forget,
    /// Somebody else took the shard: forget it, and give the group time to say so.
    Fenced,
    /// The group has given the shard to somebody else: end.
    Leave,
    /// Only a person can mend it.
    Stop(ErrorKind),
}

pub(crate) fn kafka(kind: Kafka) -> Action {
    match kind {
        // Of a topic that was there: brokers learn of it one by one, and a lost one may be made again.
        Kafka::Unavailable | Kafka::NotFound => Action::Retry,
        Kafka::InDoubt | Kafka::OutOfRange | Kafka::Bug => Action::Forget,
        Kafka::Fenced => Action::Fenced,
        Kafka::Revoked => Action::Leave,
        Kafka::TooLarge => Action::Stop(ErrorKind::Record),
        // Denied, Config, and what a later version adds.
        _ => Action::Stop(ErrorKind::Refused),
    }
}

pub(crate) fn spanner(kind: Spanner) -> Action {
    match kind {
        Spanner::Unavailable | Spanner::Aborted | Spanner::InDoubt => Action::Retry,
        Spanner::Expired => Action::Stop(ErrorKind::Expired),
        Spanner::Denied
        | Spanner::Config
        | Spanner::NotFound
        | Spanner::AlreadyExists
        | Spanner::Rejected
        | Spanner::TooLarge => Action::Stop(ErrorKind::Refused),
        Spanner::Bug => Action::Stop(ErrorKind::Bug),
    }
}

/// Of a read of rows as they were: what Spanner keeps no longer are old versions of them, not changes.
pub(crate) fn rows(kind: Spanner) -> Action {
    match kind {
        Spanner::Expired => Action::Stop(ErrorKind::Gone),
        kind => spanner(kind),
    }
}

pub(crate) fn schema(kind: Schema) -> Action {
    match kind {
        Schema::Unavailable => Action::Retry,
        Schema::Incompatible | Schema::Underivable => Action::Stop(ErrorKind::Schema),
        Schema::Encode | Schema::TooLarge | Schema::Payload | Schema::Envelope | Schema::Frame => {
            Action::Stop(ErrorKind::Record)
        }
        Schema::Configuration
        | Schema::Unauthorized
        | Schema::Rejected
        | Schema::UnknownSchema
        | Schema::UnknownSubject
        | Schema::UnusableSchema => Action::Stop(ErrorKind::Refused),
    }
}
