//! The error of a command, with its exit code.

mod conversion;

use std::fmt::{self, Display};

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ErrorKind {
    /// A check failed or a pipeline stopped. Exit code 1.
    Failed,
    /// Wrong usage or configuration: the command fails again until it is changed. Exit code 2.
    Config,
    /// A prerequisite is missing, or Kafka, Spanner or the registry cannot be reached. Exit code 3.
    Unreachable,
}

impl ErrorKind {
    /// Returns the stable exit code of the process.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Config => 2,
            Self::Unreachable => 3,
        }
    }
}

/// The reason why a command failed. As a [`Diagnostic`] it shows its place in the configuration file, if it has one.
#[derive(Debug)]
pub(crate) struct Error {
    kind: ErrorKind,
    code: String,
    message: String,
    help: Option<String>,
    located: Option<Box<spanbridge_config::Error>>,
}

impl Error {
    /// Creates an error. `code` is stable and has a page in docs/errors.
    pub(crate) fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), help: None, located: None }
    }

    /// Returns this error with a sentence that says what to do.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns this error with a message that begins with the context.
    pub(crate) fn in_context(mut self, context: impl Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Returns the kind of this error.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the stable code.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Diagnostic for Error {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        match &self.located {
            Some(located) => located.code(),
            None => Some(Box::new(&self.code)),
        }
    }

    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let own = self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>);
        own.or_else(|| self.located.as_ref().and_then(|located| located.help()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.located.as_ref().and_then(|located| located.source_code())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.located.as_ref().and_then(|located| located.labels())
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.located.as_ref().and_then(|located| located.related())
    }
}

impl From<spanbridge_config::Error> for Error {
    fn from(error: spanbridge_config::Error) -> Self {
        let (code, message) = (error.kind().code(), error.to_string());
        Self { located: Some(Box::new(error)), ..Self::new(ErrorKind::Config, code, message) }
    }
}
