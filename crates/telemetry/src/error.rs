use std::error::Error as StdError;

/// What went wrong while telemetry started or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `telemetry.log` is no valid filter.
    LogFilter,
    /// `telemetry.otlp_endpoint` is no usable address.
    Endpoint,
    /// The share of sampled traces is not within 0 and 1.
    Sample,
    /// `telemetry.listen` could not be bound.
    Listen,
    /// Telemetry was started twice in one process.
    AlreadyStarted,
    /// The operating system refused a thread.
    Thread,
    /// Not all spans reached the collector before the time limit.
    Flush,
}

impl ErrorKind {
    /// A stable code, for scripts and help pages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::LogFilter => "telemetry-log-filter",
            Self::Endpoint => "telemetry-endpoint",
            Self::Sample => "telemetry-sample",
            Self::Listen => "telemetry-listen",
            Self::AlreadyStarted => "telemetry-already-started",
            Self::Thread => "telemetry-thread",
            Self::Flush => "telemetry-flush",
        }
    }
}

/// An error of this crate: a kind, and a message that says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of the kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}
