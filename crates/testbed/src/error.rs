/// What kind of thing went wrong; decides what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A program that the testbed needs is not installed, or too old. The message names what to install.
    MissingPrerequisite,
    /// An address in the options or in the environment is malformed, incomplete or does not answer.
    Address,
    /// A download, or the first preparation of what was downloaded, failed.
    Install,
    /// A part ended before it answered.
    Exited,
    /// A part did not do what was asked within its time.
    Timeout,
    /// Another process holds a port that the part needs.
    PortTaken,
    /// The part was not requested, or not started by this testbed: it cannot be used or controlled here.
    NotOurs,
    /// The operating system refused something: a file, a process, a thread.
    Io,
}

impl ErrorKind {
    /// The stable code of this kind.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingPrerequisite => "testbed-missing-prerequisite",
            Self::Address => "testbed-address",
            Self::Install => "testbed-install",
            Self::Exited => "testbed-exited",
            Self::Timeout => "testbed-timeout",
            Self::PortTaken => "testbed-port-taken",
            Self::NotOurs => "testbed-not-ours",
            Self::Io => "testbed-io",
        }
    }
}

/// Why a part of the testbed could not be started or controlled. Quotes the end of the part's log where there
/// is one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("{what}: {error}"))
    }

    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
