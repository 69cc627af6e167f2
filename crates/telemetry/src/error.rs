//! Errors of starting and stopping telemetry.

use std::error::Error as StdError;

/// The kind of an error while telemetry starts or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `telemetry.log` is not a valid filter.
    LogFilter,
    /// `telemetry.otlp_endpoint` is not a usable address.
    Endpoint,
    /// `telemetry.sample` is not between 0 and 1.
    Sample,
    /// The address `telemetry.listen` cannot be bound.
    Listen,
    /// The files of `telemetry.tls` cannot be used.
    Certificate,
    /// Telemetry was started twice in one process.
    AlreadyStarted,
    /// The operating system refuses a thread.
    Thread,
    /// Not all spans reached the collector within the time limit.
    Flush,
}

impl ErrorKind {
    /// Returns the stable code of this kind, for scripts and error pages.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::LogFilter => "SB-TELEMETRY-LOG-FILTER",
            Self::Endpoint => "SB-TELEMETRY-ENDPOINT",
            Self::Sample => "SB-TELEMETRY-SAMPLE",
            Self::Listen => "SB-TELEMETRY-LISTEN",
            Self::Certificate => "SB-TELEMETRY-CERTIFICATE",
            Self::AlreadyStarted => "SB-TELEMETRY-ALREADY-STARTED",
            Self::Thread => "SB-TELEMETRY-THREAD",
            Self::Flush => "SB-TELEMETRY-FLUSH",
        }
    }
}

/// An error of this crate: its kind, and a message that says what failed, where, and what to do.
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

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the stable code of the kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}
