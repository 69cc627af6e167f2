use std::fmt::{self, Display};

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; each kind has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A check failed, or a pipeline stopped. Exit code 1.
    Failed,
    /// Usage or configuration: it will fail again until somebody changes something. Exit code 2.
    Config,
    /// A prerequisite is missing, or a part cannot be reached. Exit code 3.
    Unreachable,
}

impl Kind {
    /// The process's exit code; stable. 0 is success.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Config => 2,
            Self::Unreachable => 3,
        }
    }
}

/// Why a command failed. As a [`Diagnostic`] it shows the place in the configuration file, when it has one.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    code: String,
    message: String,
    help: Option<String>,
    located: Option<Box<spanbridge_config::Error>>,
}

impl Error {
    /// `code` is stable, such as `demo-stalled`.
    pub fn new(kind: Kind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), help: None, located: None }
    }

    /// The operating system refused something.
    pub(crate) fn io(what: impl Display, error: &std::io::Error) -> Self {
        Self::new(Kind::Failed, "io", format!("{what}: {error}"))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error with what was being done before its message.
    #[must_use]
    pub fn context(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
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
        let code = error.kind().code();
        Self { located: Some(Box::new(error.clone())), ..Self::new(Kind::Config, code, error.to_string()) }
    }
}

impl From<spanbridge_kafka::Error> for Error {
    fn from(error: spanbridge_kafka::Error) -> Self {
        use spanbridge_kafka::ErrorKind as From;
        let kind = match error.kind() {
            From::Unavailable => Kind::Unreachable,
            From::Config | From::Denied | From::NotFound => Kind::Config,
            _ => Kind::Failed,
        };
        Self::new(kind, error.code(), format!("Kafka: {error}"))
    }
}

impl From<spanbridge_spanner::Error> for Error {
    fn from(error: spanbridge_spanner::Error) -> Self {
        use spanbridge_spanner::ErrorKind as From;
        let kind = match error.kind() {
            From::Unavailable => Kind::Unreachable,
            From::Config | From::Denied => Kind::Config,
            _ => Kind::Failed,
        };
        Self::new(kind, error.kind().code(), format!("Spanner: {error}")).help(error.kind().help())
    }
}

impl From<spanbridge_schema::Error> for Error {
    fn from(error: spanbridge_schema::Error) -> Self {
        use spanbridge_schema::Kind as From;
        let kind = match error.kind() {
            From::Unavailable => Kind::Unreachable,
            From::Configuration | From::Unauthorized => Kind::Config,
            _ => Kind::Failed,
        };
        Self::new(kind, error.code(), error.to_string())
    }
}

impl From<spanbridge_testbed::Error> for Error {
    fn from(error: spanbridge_testbed::Error) -> Self {
        Self::new(Kind::Unreachable, error.kind().code(), error.to_string())
    }
}

impl From<spanbridge_telemetry::Error> for Error {
    fn from(error: spanbridge_telemetry::Error) -> Self {
        use spanbridge_telemetry::ErrorKind as From;
        let kind = match error.kind() {
            From::LogFilter | From::Endpoint | From::Sample | From::Listen => Kind::Config,
            _ => Kind::Failed,
        };
        Self::new(kind, error.code(), error.to_string())
    }
}
