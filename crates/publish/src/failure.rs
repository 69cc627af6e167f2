//! Errors of Kafka, Spanner and the registry, on the way to their consequence.

use std::sync::Arc;

use spanbridge_kafka::ErrorKind as KafkaKind;
use spanbridge_service::{Part, PipelineHealth};

use crate::ErrorKind;
use crate::policy::{self, Action};

/// Characters of a reason that is stored in the state topic.
const MAX_REASON_CHARS: usize = 500;

/// An error of a lower layer, before [`crate::policy`] has decided its consequence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    #[error("{0}")]
    Spanner(#[from] spanbridge_spanner::Error),
    #[error("{0} ({code})", code = .0.code())]
    Schema(#[from] spanbridge_schema::Error),
    /// An unexpected condition that may have passed at the next attempt.
    #[error("{0}")]
    Unclear(String),
    /// An error whose consequence is decided already.
    #[error("{0}")]
    Final(#[from] crate::Error),
}

impl Failure {
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Kafka(error) => policy::kafka(error.kind()),
            Self::Spanner(error) => policy::spanner(error.kind()),
            Self::Schema(error) => policy::schema(error.kind()),
            Self::Unclear(_) => Action::Restart,
            Self::Final(error) => Action::Stop(error.kind()),
        }
    }

    /// The kind of the error with which a start ends, which the supervisor may retry. A pipeline that does not run yet
    /// waits less for its credentials than for a broker that is away.
    pub(crate) fn kind_at_start(&self) -> ErrorKind {
        match (self.action(), self) {
            (Action::Stop(kind), _) => kind,
            (_, Self::Kafka(error)) if matches!(error.kind(), KafkaKind::Authentication | KafkaKind::Tls) => {
                ErrorKind::Denied
            }
            _ => ErrorKind::Unreachable,
        }
    }

    /// Reports the failure to the health of the pipeline.
    pub(crate) fn report(&self, health: &PipelineHealth) {
        match self {
            Self::Kafka(error) => health.kafka_failed(error),
            Self::Spanner(error) => health.spanner_failed(error),
            Self::Schema(error) => health.registry_failed(error),
            Self::Unclear(_) | Self::Final(_) => {}
        }
    }

    /// Returns the part that has failed, if the failure belongs to one.
    pub(crate) fn part(&self) -> Option<Part> {
        match self {
            Self::Kafka(_) => Some(Part::Kafka),
            Self::Spanner(_) => Some(Part::Spanner),
            Self::Schema(_) => Some(Part::Registry),
            Self::Unclear(_) | Self::Final(_) => None,
        }
    }

    /// True if a read failed because its timestamp is older than `version_retention_period`.
    pub(crate) fn is_snapshot_expired(&self) -> bool {
        let expired = Action::Stop(ErrorKind::SnapshotExpired);
        matches!(self, Self::Spanner(error) if policy::snapshot_read(error.kind()) == expired)
    }

    /// The stable code of the error.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Kafka(error) => error.code(),
            Self::Spanner(error) => error.kind().code(),
            Self::Schema(error) => error.code(),
            Self::Unclear(_) => "SB-PUBLISH-UNCLEAR",
            Self::Final(error) => error.kind().code(),
        }
    }

    /// Converts the failure to the pipeline's error of this kind. `doing` names the action that failed.
    pub(crate) fn stop(self, kind: ErrorKind, pipeline: &str, doing: &str) -> crate::Error {
        match self {
            Self::Final(error) => error,
            failure => crate::Error::new(kind, pipeline, format!("{doing}: {failure}")),
        }
    }

    /// The message, shortened for the state topic, where it stays.
    pub(crate) fn short_reason(&self) -> Arc<str> {
        self.to_string().chars().take(MAX_REASON_CHARS).collect::<String>().into()
    }
}
