/// The kind of a testbed error, which tells a caller what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A required program is missing or too old. The message names what to install.
    MissingPrerequisite,
    /// An address in the options or in the environment is malformed or incomplete, or nothing answers there.
    Address,
    /// A download failed, or the first preparation of what was downloaded.
    Install,
    /// A part exited before it answered.
    Exited,
    /// A part did not answer or exit in time.
    Timeout,
    /// Another process holds a port that the part needs.
    PortTaken,
    /// The part was not requested, or was not started by this testbed, so it cannot be used or controlled here.
    NotOurs,
    /// The operating system refused an operation on a file, process or thread.
    Io,
    /// A worker process exited without being told to.
    WorkerExited,
    /// A worker process was not ready in time.
    WorkerNotReady,
    /// A worker process did not exit cleanly after SIGTERM.
    WorkerNotStopped,
    /// The admin port of a worker process does not answer.
    WorkerSilent,
    /// The operating system refused to start, signal or inspect a worker process.
    WorkerControl,
}

impl ErrorKind {
    /// Returns the stable code of this kind; each code has a page in docs/errors.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingPrerequisite => "SB-TESTBED-MISSING-PREREQUISITE",
            Self::Address => "SB-TESTBED-ADDRESS",
            Self::Install => "SB-TESTBED-INSTALL",
            Self::Exited => "SB-TESTBED-EXITED",
            Self::Timeout => "SB-TESTBED-TIMEOUT",
            Self::PortTaken => "SB-TESTBED-PORT-TAKEN",
            Self::NotOurs => "SB-TESTBED-NOT-OURS",
            Self::Io => "SB-TESTBED-IO",
            Self::WorkerExited => "SB-TESTBED-WORKER-EXITED",
            Self::WorkerNotReady => "SB-TESTBED-WORKER-NOT-READY",
            Self::WorkerNotStopped => "SB-TESTBED-WORKER-NOT-STOPPED",
            Self::WorkerSilent => "SB-TESTBED-WORKER-SILENT",
            Self::WorkerControl => "SB-TESTBED-WORKER-CONTROL",
        }
    }

    /// Returns true when the error concerns a worker process rather than a part of the testbed.
    #[must_use]
    pub fn is_of_worker(self) -> bool {
        matches!(
            self,
            Self::WorkerExited
                | Self::WorkerNotReady
                | Self::WorkerNotStopped
                | Self::WorkerSilent
                | Self::WorkerControl
        )
    }
}

/// The reason why a part or a worker process could not be started or controlled. The message quotes the end of its log
/// where there is one.
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

    pub(crate) fn io(action: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("{action}: {error}"))
    }

    /// Returns the kind of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
