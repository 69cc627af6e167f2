use spanbridge_service::{ErrorCode, PipelineError};

/// The reason why a pipeline or a command ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that tables, topics or the change stream do not bear out; with its place.
    #[error(transparent)]
    Config(#[from] spanbridge_config::Error),
    /// The pipeline cannot continue.
    #[error(transparent)]
    Pipeline(#[from] PipelineError<ErrorKind>),
    /// Of a command.
    #[error("{0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    /// Of a command.
    #[error("{0}")]
    Spanner(#[from] spanbridge_spanner::Error),
}

/// Why a pipeline cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration does not fit what is there, or what is stored.
    Config,
    /// Kafka, Spanner or the registry refuses for good: credentials, missing topic or stream.
    Refused,
    /// The change stream no longer holds what is still to be published: changes are lost.
    Expired,
    /// Spanner keeps the rows of a snapshot's time no longer; no change is lost.
    SnapshotExpired,
    /// The change stream was dropped, or altered so that the pipeline cannot go on.
    Stream,
    /// No schema for a table, or one that the subject's compatibility rule refuses.
    Schema,
    /// A change cannot be published as it is.
    Record,
    /// The state topic holds what this version cannot read.
    State,
    /// Rows are asked for that are not published.
    SnapshotRefused,
    /// Something that must not happen.
    Bug,
}

impl ErrorKind {
    /// A stable code for logs and documentation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "SB-PUBLISH-CONFIG",
            Self::Refused => "SB-PUBLISH-REFUSED",
            Self::Expired => "SB-PUBLISH-EXPIRED",
            Self::SnapshotExpired => "SB-PUBLISH-SNAPSHOT-EXPIRED",
            Self::Stream => "SB-PUBLISH-STREAM",
            Self::Schema => "SB-PUBLISH-SCHEMA",
            Self::Record => "SB-PUBLISH-RECORD",
            Self::State => "SB-PUBLISH-STATE",
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

    /// The kind; a mistake in the file is [`ErrorKind::Config`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Pipeline(error) => error.kind(),
            Self::Kafka(_) | Self::Spanner(_) => ErrorKind::Refused,
        }
    }
}
