use spanbridge_service::{ErrorCode, FailureClass, PipelineError};

use crate::policy;

/// The reason why a pipeline or a command ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts a table, a topic or the change stream. The error has the place in the file.
    #[error(transparent)]
    Config(#[from] spanbridge_config::Error),
    /// The pipeline cannot continue.
    #[error(transparent)]
    Pipeline(#[from] PipelineError<ErrorKind>),
    /// A command has failed to use Kafka.
    #[error("{0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    /// A command has failed to use Spanner.
    #[error("{0}")]
    Spanner(#[from] spanbridge_spanner::Error),
}

/// The reason why a pipeline cannot continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration contradicts the environment or the stored state.
    Config,
    /// Kafka, Spanner or the registry refuses the pipeline permanently: a missing topic or stream.
    Refused,
    /// Kafka, Spanner or the registry refuses the credentials, or they lack a permission.
    Denied,
    /// Kafka, Spanner or the registry does not answer while the pipeline starts.
    Unreachable,
    /// The change stream has expired changes that were not published: they are lost.
    Expired,
    /// The snapshot timestamp is older than `version_retention_period`. No change is lost.
    SnapshotExpired,
    /// The change stream was dropped, or altered so that the pipeline cannot continue.
    Stream,
    /// No schema can be derived for a table, or the subject's compatibility rule rejects it.
    Schema,
    /// A change or row cannot be published because of its content.
    Record,
    /// The state topic contains a record that this version cannot read.
    State,
    /// The state topic has no origin, but a topic of a table has had records.
    StateLost,
    /// The state topic contains a record of a version that this program does not know.
    NewerState,
    /// An incremental snapshot was requested that the pipeline cannot carry out.
    SnapshotRefused,
    /// The bridge has a bug.
    Bug,
}

impl ErrorKind {
    /// The stable code for logs and documentation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "SB-PUBLISH-CONFIG",
            Self::Refused => "SB-PUBLISH-REFUSED",
            Self::Denied => "SB-PUBLISH-DENIED",
            Self::Unreachable => "SB-PUBLISH-UNREACHABLE",
            Self::Expired => "SB-PUBLISH-EXPIRED",
            Self::SnapshotExpired => "SB-PUBLISH-SNAPSHOT-EXPIRED",
            Self::Stream => "SB-PUBLISH-STREAM",
            Self::Schema => "SB-PUBLISH-SCHEMA",
            Self::Record => "SB-PUBLISH-RECORD",
            Self::State => "SB-PUBLISH-STATE",
            Self::StateLost => "SB-PUBLISH-STATE-LOST",
            Self::NewerState => "SB-PUBLISH-NEWER-STATE",
            Self::SnapshotRefused => "SB-SNAPSHOT-REFUSED",
            Self::Bug => "SB-PUBLISH-BUG",
        }
    }
}

impl ErrorCode for ErrorKind {
    fn code(self) -> &'static str {
        self.code()
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, pipeline: &str, message: impl Into<String>) -> Self {
        PipelineError::new("publish", pipeline, kind, message).into()
    }

    /// Returns the supervisor's reaction to a pipeline that ended with this error.
    pub fn class(&self) -> FailureClass {
        policy::class(self.kind())
    }

    /// The kind of the error; a mistake in the file is [`ErrorKind::Config`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Pipeline(error) => error.kind(),
            Self::Kafka(_) | Self::Spanner(_) => ErrorKind::Refused,
        }
    }
}
