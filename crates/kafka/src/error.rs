//! Errors of Kafka clients, classified by what the caller may conclude from them.
//!
//! This is the only place that interprets librdkafka's error codes. What to do about a kind is decided by the
//! services, in their `policy.rs`.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::connection::Outage;

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of an error: what the caller may conclude from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another producer owns the transactional id, or librdkafka calls this client's error fatal. Discard all
    /// state and start again.
    Fenced,
    /// The outcome is unknown, or librdkafka reports a success that cannot be trusted. Initialize the
    /// producer again and read back what is visible.
    InDoubt,
    /// The group no longer assigns this partition to this member.
    Revoked,
    /// Brokers do not answer in time. Nothing was committed; retry later.
    Unavailable,
    /// The message is larger than the broker or the topic allows.
    TooLarge,
    /// The principal may not do this: access control lists are missing.
    Denied,
    /// The brokers do not accept the credentials, or not this SASL mechanism. Nothing was committed; the credentials may
    /// be about to change.
    Authentication,
    /// There is no TLS connection: a certificate is not accepted, or the listener does not speak TLS. Nothing was
    /// committed.
    Tls,
    /// The log does not hold the requested offset: retention deleted it, the topic was recreated, or the log
    /// was truncated.
    OutOfRange,
    /// The topic or partition does not exist.
    NotFound,
    /// An option or property is invalid.
    Config,
    /// This crate or its caller has a bug.
    Bug,
}

impl ErrorKind {
    /// Returns whether librdkafka itself retries after an error of this kind, in a client that reads partitions.
    pub(crate) fn is_retried_by_client(self) -> bool {
        matches!(self, ErrorKind::Unavailable | ErrorKind::Authentication | ErrorKind::Tls)
    }

    /// Returns the stable code of this kind, for logs, metrics and documentation.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::Fenced => "SB-KAFKA-FENCED",
            ErrorKind::InDoubt => "SB-KAFKA-IN-DOUBT",
            ErrorKind::Revoked => "SB-KAFKA-REVOKED",
            ErrorKind::Unavailable => "SB-KAFKA-UNAVAILABLE",
            ErrorKind::TooLarge => "SB-KAFKA-TOO-LARGE",
            ErrorKind::Denied => "SB-KAFKA-DENIED",
            ErrorKind::Authentication => "SB-KAFKA-AUTHENTICATION",
            ErrorKind::Tls => "SB-KAFKA-TLS",
            ErrorKind::OutOfRange => "SB-KAFKA-OUT-OF-RANGE",
            ErrorKind::NotFound => "SB-KAFKA-NOT-FOUND",
            ErrorKind::Config => "SB-KAFKA-CONFIG",
            ErrorKind::Bug => "SB-KAFKA-BUG",
        }
    }
}

/// An error of this crate: its kind, a message that says what failed and where, and librdkafka's error if
/// there is one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("[{}] {message}", kind.code())]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<KafkaError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// Wraps librdkafka's error. `operation` completes "Cannot …"; the kind follows from librdkafka's code.
    pub(crate) fn from_kafka(operation: &str, source: KafkaError) -> Self {
        let kind = kind_of(&source);
        let message = format!("Cannot {operation}: {source}{}{}", missing_acl(&source), advice(kind));
        Error { kind, message, source: Some(source) }
    }

    /// Returns an `Unavailable` error for an `operation` that got no answer within `limit`.
    pub(crate) fn timed_out(operation: &str, limit: Duration) -> Self {
        let message =
            format!("Cannot {operation}: no answer within {limit:?}; check that the brokers are reachable");
        Error::new(ErrorKind::Unavailable, message)
    }

    /// Adds the outage that explains why there was no answer.
    pub(crate) fn because(mut self, outage: &Outage) -> Self {
        self.kind = outage.kind;
        self.message += &format!(". Cause: {}", outage.description);
        self
    }

    /// Replaces the kind, where the caller knows more than librdkafka's code says.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Returns the kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns librdkafka's error, if it caused this one.
    pub(crate) fn cause(&self) -> Option<&KafkaError> {
        self.source.as_ref()
    }

    /// Returns the stable code of the kind, which also starts the message in brackets.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// Returns which access control list is missing, as far as librdkafka's code says it.
fn missing_acl(error: &KafkaError) -> &'static str {
    let code = match error {
        KafkaError::AdminOp(code) => Some(*code),
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    };
    match code {
        Some(Code::TopicAuthorizationFailed) => "; the principal lacks an ACL for the topic",
        Some(Code::GroupAuthorizationFailed) => "; the principal lacks an ACL for the consumer group",
        Some(Code::TransactionalIdAuthorizationFailed) => {
            "; the principal lacks Write and Describe on the transactional id"
        }
        Some(Code::ClusterAuthorizationFailed) => {
            "; the principal lacks an ACL for the cluster: IdempotentWrite to produce, Create to create topics"
        }
        _ => "",
    }
}

/// Returns whether the error is about the consumer group. librdkafka looks for the coordinator of each client with the
/// property `group.id`, which it also needs to read partitions without joining the group.
pub(crate) fn is_about_group(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed)
}

/// Returns what to do about an error of `kind`, to be appended to its message.
fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Authentication => "; check sasl.mechanism, sasl.username and sasl.password",
        ErrorKind::Tls => "; check the properties ssl.* and the certificates",
        ErrorKind::NotFound => "; create the topic or correct its name",
        ErrorKind::TooLarge => {
            "; raise max.message.bytes of the topic and message.max.bytes of this client, or send less"
        }
        ErrorKind::OutOfRange => "; the log no longer holds this offset, or not yet",
        _ => "",
    }
}

/// Classifies librdkafka's error.
pub(crate) fn kind_of(error: &KafkaError) -> ErrorKind {
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            ErrorKind::Config
        }
        KafkaError::Transaction(e) if e.is_fatal() => match kind_of_code(e.code()) {
            kind @ (ErrorKind::Denied | ErrorKind::Config) => kind,
            _ => ErrorKind::Fenced,
        },
        KafkaError::MessageConsumptionFatal(_) => ErrorKind::Fenced,
        // `rdkafka_error_code()` does not cover the next two.
        KafkaError::AdminOp(code) => kind_of_code(*code),
        KafkaError::AdminOpCreation(_) => ErrorKind::Config,
        // These hold a text instead of a code of the protocol.
        KafkaError::Subscription(_) | KafkaError::PauseResume(_) | KafkaError::Seek(_) => ErrorKind::Bug,
        other => other.rdkafka_error_code().map_or(ErrorKind::Unavailable, kind_of_code),
    }
}

fn kind_of_code(code: Code) -> ErrorKind {
    match code {
        Code::Fenced
        | Code::InvalidProducerEpoch
        | Code::ProducerFenced
        | Code::FencedInstanceId
        | Code::TransactionCoordinatorFenced
        | Code::Fatal => ErrorKind::Fenced,
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            ErrorKind::TooLarge
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed => ErrorKind::Denied,
        Code::SaslAuthenticationFailed | Code::Authentication | Code::UnsupportedSASLMechanism => {
            ErrorKind::Authentication
        }
        Code::SSL => ErrorKind::Tls,
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation | Code::NoOffset => {
            ErrorKind::OutOfRange
        }
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::UnknownTopicId
        | Code::InvalidTopic => ErrorKind::NotFound,
        Code::InvalidArgument
        | Code::NotConfigured
        | Code::NotImplemented
        | Code::UnsupportedFeature
        | Code::UnsupportedVersion
        | Code::InvalidTransactionTimeout
        | Code::InvalidSessionTimeout
        | Code::InvalidGroupId
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidConfig
        | Code::PolicyViolation
        | Code::InconsistentGroupProtocol
        | Code::SecurityDisabled => ErrorKind::Config,
        Code::State | Code::Conflict | Code::InvalidTransactionalState => ErrorKind::Bug,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_codes() {
        let kind = |code| kind_of(&KafkaError::MessageProduction(code));
        assert_eq!(kind(Code::MessageSizeTooLarge), ErrorKind::TooLarge);
        assert_eq!(kind(Code::ProducerFenced), ErrorKind::Fenced);
        assert_eq!(kind(Code::TopicAuthorizationFailed), ErrorKind::Denied);
        assert_eq!(kind(Code::AutoOffsetReset), ErrorKind::OutOfRange);
        assert_eq!(kind(Code::UnknownTopic), ErrorKind::NotFound);
        assert_eq!(kind(Code::Authentication), ErrorKind::Authentication);
        assert_eq!(kind(Code::SSL), ErrorKind::Tls);
        assert_eq!(kind(Code::BrokerTransportFailure), ErrorKind::Unavailable);
        assert_eq!(kind_of(&KafkaError::AdminOp(Code::UnknownTopicOrPartition)), ErrorKind::NotFound);
    }

    #[test]
    fn message_has_code_operation_and_advice() {
        let e = Error::from_kafka("read orders[3]", KafkaError::MessageConsumption(Code::AutoOffsetReset));
        let text = e.to_string();
        assert!(text.starts_with("[SB-KAFKA-OUT-OF-RANGE] Cannot read orders[3]: "), "{text}");
        assert!(text.contains("no longer"), "{text}");
    }
}
