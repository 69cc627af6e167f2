/// What a pipeline ended with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that the tables or topics do not bear out; with its place.
    #[error(transparent)]
    Config(#[from] spanbridge_config::Error),
    #[error("ingest {pipeline}: {message}")]
    Pipeline { kind: ErrorKind, pipeline: String, message: String },
}

/// Why a pipeline cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration does not fit what is there.
    Config,
    /// Kafka, Spanner or the registry refuses for good: credentials, missing topic or table.
    Refused,
    /// Kafka, Spanner or the registry does not answer.
    Unreachable,
    /// A record has fields that its table has no columns for.
    Columns,
    /// Every partition of this worker has stopped, at a record or at a gap.
    Stopped,
    /// Something that must not happen.
    Bug,
}

impl ErrorKind {
    /// Of a part that has answered, and of one that is silent.
    fn reached(answers: bool) -> Self {
        if answers { Self::Refused } else { Self::Unreachable }
    }

    /// A stable code for logs and documentation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "SB-INGEST-CONFIG",
            Self::Refused => "SB-INGEST-REFUSED",
            Self::Unreachable => "SB-INGEST-UNREACHABLE",
            Self::Columns => "SB-INGEST-COLUMNS",
            Self::Stopped => "SB-INGEST-STOPPED",
            Self::Bug => "SB-INGEST-BUG",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, pipeline: &str, message: impl Into<String>) -> Self {
        let message = format!("{} [{}]", message.into(), kind.code());
        Self::Pipeline { kind, pipeline: pipeline.to_owned(), message }
    }

    pub(crate) fn of_registry(pipeline: &str, error: &spanbridge_schema::Error) -> Self {
        let silent = error.kind() == spanbridge_schema::Kind::Unavailable;
        Self::new(ErrorKind::reached(!silent), pipeline, error.to_string())
    }

    pub(crate) fn of_spanner(pipeline: &str, error: &spanbridge_spanner::Error) -> Self {
        let silent = error.kind() == spanbridge_spanner::ErrorKind::Unavailable;
        Self::new(ErrorKind::reached(!silent), pipeline, error.to_string())
    }

    pub(crate) fn of_kafka(pipeline: &str, error: &spanbridge_kafka::Error) -> Self {
        let silent = error.kind() == spanbridge_kafka::ErrorKind::Unavailable;
        Self::new(ErrorKind::reached(!silent), pipeline, error.to_string())
    }

    /// The kind; a mistake in the file is [`ErrorKind::Config`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Pipeline { kind, .. } => *kind,
        }
    }
}
