use std::fmt;
use std::path::PathBuf;

/// The result of a step of the demo.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka failed.
    #[error("Kafka: {0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    /// Spanner failed.
    #[error("Spanner: {0}")]
    Spanner(#[from] spanbridge_spanner::Error),
    /// The registry failed, or a schema could not be used.
    #[error(transparent)]
    Schema(#[from] spanbridge_schema::Error),
    /// Kafka, Spanner, the registry or a worker could not be started or controlled.
    #[error(transparent)]
    Testbed(#[from] spanbridge_testbed::Error),
    /// The results could not be read.
    #[error(transparent)]
    Verify(#[from] spanbridge_verify::Error),
    /// The demo itself failed.
    #[error("{message}")]
    Demo {
        /// The kind of failure.
        kind: ErrorKind,
        /// The message.
        message: String,
        /// The folder that keeps the configuration and the logs of the services, when it was kept.
        logs: Option<PathBuf>,
    },
    /// Another error, with the step that failed.
    #[error("cannot {step}: {source}")]
    Step {
        /// The step, as a verb phrase such as `create the database`.
        step: String,
        /// The error.
        source: Box<Error>,
    },
}

/// The kind of a failure of the demo itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// At least one check failed.
    CheckFailed,
    /// The data that is part of the binary cannot be read.
    Data,
    /// A signal ended the demo.
    Interrupted,
    /// The operating system refused an operation.
    Io,
    /// The report cannot be written as JSON.
    Json,
    /// The producer was asked for more records than there are.
    Load,
    /// A table is missing, or a row does not have the form that the demo gave it.
    Table,
}

impl ErrorKind {
    /// Returns the stable code of this kind; each code has a page in docs/errors.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CheckFailed => "SB-DEMO-CHECK-FAILED",
            Self::Data => "SB-DEMO-DATA",
            Self::Interrupted => "SB-DEMO-INTERRUPTED",
            Self::Io => "SB-DEMO-IO",
            Self::Json => "SB-DEMO-JSON",
            Self::Load => "SB-DEMO-LOAD",
            Self::Table => "SB-DEMO-TABLE",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Demo { kind, message: message.into(), logs: None }
    }

    /// Returns this error with the step that failed.
    pub(crate) fn in_step(self, step: impl fmt::Display) -> Self {
        Self::Step { step: step.to_string(), source: Box::new(self) }
    }

    /// Returns an error of the demo itself with the folder that keeps the logs.
    pub(crate) fn with_logs(self, folder: PathBuf) -> Self {
        match self {
            Self::Demo { kind, message, .. } => Self::Demo { kind, message, logs: Some(folder) },
            other => other,
        }
    }
}
