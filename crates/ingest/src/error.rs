/// What a pipeline ended with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that the tables or topics do not bear out; with its place.
    #[error(transparent)]
    Config(#[from] spanbridge_config::Error),
    #[error("ingest {pipeline}: {message}")]
    Pipeline { kind: ErrorKind, pipeline: String, message: String },
    /// A command's question to Spanner; a pipeline asks until it has an answer.
    #[error(transparent)]
    Spanner(#[from] spanbridge_spanner::Error),
    /// A command's question to Kafka.
    #[error(transparent)]
    Kafka(#[from] spanbridge_kafka::Error),
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
    /// The file does not have the version, or it is version 1.
    NoVersion,
    /// The version has its positions already.
    Started,
    /// The version has no positions, or no tables.
    NotStarted,
    /// The log cannot be read from there.
    Beginning,
    /// A view does not show the version, or cannot.
    View,
    /// The version is behind the one that is read.
    Behind,
    /// The version is the one that is read.
    Active,
    /// Workers are running the version.
    Running,
    /// The version is being dropped.
    Dropping,
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
            Self::Stopped => "SB-INGEST-ALL-STOPPED",
            Self::Bug => "SB-INGEST-BUG",
            Self::NoVersion => "SB-REPLAY-VERSION",
            Self::Started => "SB-REPLAY-STARTED",
            Self::NotStarted => "SB-REPLAY-NOT-STARTED",
            Self::Beginning => "SB-REPLAY-FROM",
            Self::View => "SB-REPLAY-VIEW",
            Self::Behind => "SB-REPLAY-BEHIND",
            Self::Active => "SB-REPLAY-ACTIVE",
            Self::Running => "SB-REPLAY-RUNNING",
            Self::Dropping => "SB-REPLAY-DROPPING",
        }
    }

    /// What an operator can do about it, where the message does not say it.
    pub fn help(self) -> Option<&'static str> {
        Some(match self {
            Self::NoVersion => {
                "write an [[ingest]] with the same name, `version = 2` and the new mapping, beside the one that is there"
            }
            Self::Started => "`replay status` shows how far it is; `replay drop` makes room to start again",
            Self::NotStarted => "`replay start` makes its tables and registers its positions",
            Self::View => {
                "`plan --apply` makes the views; a column whose type has changed needs another name in the new version"
            }
            Self::Behind => "`replay status --wait` waits for it; --max-behind allows some, --force any",
            Self::Active => "`replay switch` to the other version first",
            Self::Running => {
                "take it out of the workers' file, or end them; a killed one is a member until its session has run out"
            }
            Self::Dropping => "`replay drop` finishes it",
            _ => return None,
        })
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, pipeline: &str, message: impl Into<String>) -> Self {
        let message = format!("{} [{}]", message.into(), kind.code());
        Self::Pipeline { kind, pipeline: pipeline.to_owned(), message }
    }

    pub(crate) fn of_registry(pipeline: &str, error: &spanbridge_schema::Error) -> Self {
        let silent = error.kind() == spanbridge_schema::ErrorKind::Unavailable;
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
            Self::Spanner(_) | Self::Kafka(_) => ErrorKind::Refused,
        }
    }
}
