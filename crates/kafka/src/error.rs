use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

pub type Result<T> = std::result::Result<T, Error>;

/// What the caller has to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else now owns the transactional id (or this client died for good): forget everything, start again.
    Fenced,
    /// The outcome is unknown, or a success that cannot be trusted: re-initialise and read back what is visible.
    InDoubt,
    /// The group no longer assigns this partition to this member.
    Revoked,
    /// Brokers do not answer, or not in time. Nothing was committed; try again later.
    Unavailable,
    /// The message is larger than the broker or the topic allows.
    TooLarge,
    /// Authentication or authorisation failed.
    Denied,
    /// The log does not hold the wanted position (retention passed by, topic recreated, log truncated).
    OutOfRange,
    /// Unknown topic or partition.
    NotFound,
    /// An option or property that cannot work.
    Config,
    /// An assumption of this crate was wrong.
    Bug,
}

impl ErrorKind {
    /// A stable code for logs, metrics and documentation.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::Fenced => "SB-KAFKA-FENCED",
            ErrorKind::InDoubt => "SB-KAFKA-IN-DOUBT",
            ErrorKind::Revoked => "SB-KAFKA-REVOKED",
            ErrorKind::Unavailable => "SB-KAFKA-UNAVAILABLE",
            ErrorKind::TooLarge => "SB-KAFKA-TOO-LARGE",
            ErrorKind::Denied => "SB-KAFKA-DENIED",
            ErrorKind::OutOfRange => "SB-KAFKA-OUT-OF-RANGE",
            ErrorKind::NotFound => "SB-KAFKA-NOT-FOUND",
            ErrorKind::Config => "SB-KAFKA-CONFIG",
            ErrorKind::Bug => "SB-KAFKA-BUG",
        }
    }
}

/// An error of this crate: kind, what happened where, and librdkafka's error when there is one.
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

    /// librdkafka's error with what was being done; the kind follows from its code.
    pub(crate) fn from_kafka(doing: &str, source: KafkaError) -> Self {
        let kind = kind_of(&source);
        Error { kind, message: format!("{doing}: {source}{}", advice(kind)), source: Some(source) }
    }

    pub(crate) fn timed_out(doing: &str, limit: Duration) -> Self {
        Error::new(
            ErrorKind::Unavailable,
            format!("{doing}: no answer within {limit:?}; are the brokers reachable?"),
        )
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn cause(&self) -> Option<&KafkaError> {
        self.source.as_ref()
    }

    /// The stable code of the kind, as in the message's brackets.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Denied => "; check credentials and ACLs of this principal",
        ErrorKind::NotFound => "; create the topic or correct its name",
        ErrorKind::TooLarge => {
            "; raise max.message.bytes of the topic and message.max.bytes of this client, or send less"
        }
        ErrorKind::OutOfRange => "; the log no longer (or not yet) holds this position",
        _ => "",
    }
}

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
        // rdkafka_error_code() leaves these out.
        KafkaError::AdminOp(code) => kind_of_code(*code),
        KafkaError::AdminOpCreation(_) => ErrorKind::Config,
        // Not a code of the protocol: the wrapper gives a name only.
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
        | Code::DelegationTokenAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication => ErrorKind::Denied,
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
        | Code::UnsupportedSASLMechanism
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
        assert_eq!(kind(Code::BrokerTransportFailure), ErrorKind::Unavailable);
        assert_eq!(kind_of(&KafkaError::AdminOp(Code::UnknownTopicOrPartition)), ErrorKind::NotFound);
    }

    #[test]
    fn a_message_says_code_place_and_advice() {
        let e = Error::from_kafka("read orders[3]", KafkaError::MessageConsumption(Code::AutoOffsetReset));
        let text = e.to_string();
        assert!(text.starts_with("[SB-KAFKA-OUT-OF-RANGE] read orders[3]: "), "{text}");
        assert!(text.contains("no longer"), "{text}");
    }
}
