use spanbridge_service::{ErrorCode, FailureClass, PipelineError};

use crate::policy;

/// The reason why a pipeline or a command ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration does not match the tables or topics. The error has the place in the file.
    #[error(transparent)]
    Config(#[from] spanbridge_config::Error),
    /// The pipeline cannot continue.
    #[error(transparent)]
    Pipeline(#[from] PipelineError<ErrorKind>),
    /// A command's request to Spanner failed. A pipeline repeats its requests instead.
    #[error(transparent)]
    Spanner(#[from] spanbridge_spanner::Error),
    /// A command's request to Kafka failed.
    #[error(transparent)]
    Kafka(#[from] spanbridge_kafka::Error),
}

/// The kind of an error, which determines its code and its help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration does not match the live tables or topics.
    Config,
    /// Kafka, Spanner or the registry refuses permanently, for example because of a missing topic.
    Refused,
    /// Kafka, Spanner or the registry refuses the credentials, or they lack a permission.
    Denied,
    /// The database does not have the bridge's tables, or those of an older version.
    NotMigrated,
    /// The bridge's tables have a version that this program does not know.
    NewerTables,
    /// Kafka, Spanner or the registry does not answer.
    Unreachable,
    /// A record has fields without a column in its table.
    Columns,
    /// Every partition of this worker has stopped at a record or at a gap.
    Stopped,
    /// An invariant of the program is broken.
    Bug,
    /// The file does not have the version, or the version is 1.
    UnknownVersion,
    /// The version already has positions.
    AlreadyStarted,
    /// The version has no positions or no tables.
    NotStarted,
    /// The log cannot be read from the requested offsets.
    StartPosition,
    /// The partition is not registered, or the log does not hold the offset.
    SetPosition,
    /// A Live view does not or cannot show the version.
    LiveView,
    /// The version is behind the active version.
    Behind,
    /// The version is the active version, which readers see.
    Active,
    /// Workers still run the version.
    Running,
    /// A drop of the version has begun and is not finished.
    Dropping,
    /// A stored dead letter does not have the form that the migrations define.
    DeadLetterRow,
}

impl ErrorKind {
    /// Returns the stable code for logs and documentation.
    pub fn code(self) -> &'static str {
        match self {
            Self::Config => "SB-INGEST-CONFIG",
            Self::Refused => "SB-INGEST-REFUSED",
            Self::Denied => "SB-INGEST-DENIED",
            Self::NotMigrated => "SB-CLI-NOT-MIGRATED",
            Self::NewerTables => "SB-INGEST-NEWER-TABLES",
            Self::Unreachable => "SB-INGEST-UNREACHABLE",
            Self::Columns => "SB-INGEST-COLUMNS",
            Self::Stopped => "SB-INGEST-ALL-STOPPED",
            Self::Bug => "SB-INGEST-BUG",
            Self::UnknownVersion => "SB-REPLAY-VERSION",
            Self::AlreadyStarted => "SB-REPLAY-STARTED",
            Self::NotStarted => "SB-REPLAY-NOT-STARTED",
            Self::StartPosition => "SB-REPLAY-FROM",
            Self::SetPosition => "SB-POSITIONS-SET",
            Self::LiveView => "SB-REPLAY-VIEW",
            Self::Behind => "SB-REPLAY-BEHIND",
            Self::Active => "SB-REPLAY-ACTIVE",
            Self::Running => "SB-REPLAY-RUNNING",
            Self::Dropping => "SB-REPLAY-DROPPING",
            Self::DeadLetterRow => "SB-INGEST-DEAD-LETTER-ROW",
        }
    }

    /// Returns what an operator can do, if the message does not say it.
    pub fn help(self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownVersion => {
                "add a second [[ingest]] with the same name, `version = 2` and the new mapping"
            }
            Self::AlreadyStarted => {
                "`replay status` shows its progress; `replay drop` deletes it, so that it can be started again"
            }
            Self::NotStarted => "`replay start` creates its tables and registers its positions",
            Self::LiveView => {
                "`plan --apply` creates the views; a column whose type has changed needs another name in the new version"
            }
            Self::Behind => {
                "`replay status --wait` waits until it has caught up; --max-behind allows some records, --force any number"
            }
            Self::Active => "`replay switch` to the other version first",
            Self::Running => {
                "remove the version from the workers' file, or stop the workers; a killed worker remains a member until its session times out"
            }
            Self::Dropping => "run `replay drop` again to finish the drop",
            _ => return None,
        })
    }
}

impl ErrorCode for ErrorKind {
    fn code(self) -> &'static str {
        self.code()
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, pipeline: &str, message: impl Into<String>) -> Self {
        PipelineError::new("ingest", pipeline, kind, message).into()
    }

    /// Returns the error of a pipeline whose request to the registry failed.
    pub(crate) fn of_registry(pipeline: &str, error: &spanbridge_schema::Error) -> Self {
        Self::new(policy::schema_failure(error.kind()), pipeline, error.to_string())
    }

    /// Returns the error of a pipeline whose request to Spanner failed.
    pub(crate) fn of_spanner(pipeline: &str, error: &spanbridge_spanner::Error) -> Self {
        Self::new(policy::spanner_failure(error.kind()), pipeline, error.to_string())
    }

    /// Returns the error of a pipeline whose request to Kafka failed.
    pub(crate) fn of_kafka(pipeline: &str, error: &spanbridge_kafka::Error) -> Self {
        Self::new(policy::kafka_failure(error.kind()), pipeline, error.to_string())
    }

    /// Returns the supervisor's reaction to a pipeline that ended with this error.
    pub fn class(&self) -> FailureClass {
        policy::class(self.kind())
    }

    /// Returns the kind. A mistake in the file is [`ErrorKind::Config`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::Pipeline(error) => error.kind(),
            Self::Spanner(_) | Self::Kafka(_) => ErrorKind::Refused,
        }
    }
}
