//! One error type: what happened, and what the caller may conclude from it.

mod classify;
mod text;

use std::time::Duration;

pub(crate) use classify::Call;
pub(crate) use text::Names;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// What a failed call says about the state of the database.
///
/// The table of gRPC codes is one `match`, in `classify.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A row that an update names is not there. Of the position row: fenced. Nothing was written.
    NotFound,
    /// A row that an insert names is there already. Of the position row: fenced. Nothing was written.
    AlreadyExists,
    /// The data is refused: constraint, length, type, missing parent. Nothing was written, and
    /// the same commit will be refused again.
    Rejected,
    /// The commit is beyond a limit of size or of mutations. Nothing was written; smaller ones may pass.
    /// Of a read: there are more rows than it may have.
    TooLarge,
    /// The commit, or a read in a transaction, lost against another one. Nothing was written; the same one
    /// may pass.
    Aborted,
    /// The outcome of the commit is unknown: it may yet become visible. Read the position.
    InDoubt,
    /// No answer, or not now; of a commit, it was never sent. Try again later.
    Unavailable,
    /// Credentials are missing, expired or not sufficient.
    Denied,
    /// The change stream no longer holds what was asked for, or did not exist yet then.
    Expired,
    /// The database, a table, a column or a statement does not exist or is not valid.
    Config,
    /// The caller or the service broke the contract of this crate.
    Bug,
}

impl ErrorKind {
    /// A stable name for logs, metrics and dead letters.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "SB-SPANNER-NOT-FOUND",
            Self::AlreadyExists => "SB-SPANNER-ALREADY-EXISTS",
            Self::Rejected => "SB-SPANNER-REJECTED",
            Self::TooLarge => "SB-SPANNER-TOO-LARGE",
            Self::Aborted => "SB-SPANNER-ABORTED",
            Self::InDoubt => "SB-SPANNER-IN-DOUBT",
            Self::Unavailable => "SB-SPANNER-UNAVAILABLE",
            Self::Denied => "SB-SPANNER-DENIED",
            Self::Expired => "SB-SPANNER-EXPIRED",
            Self::Config => "SB-SPANNER-CONFIG",
            Self::Bug => "SB-SPANNER-BUG",
        }
    }

    /// What an operator can do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::NotFound | Self::AlreadyExists => "read the position; another worker may own it",
            Self::Rejected => "compare the record with the table's columns and constraints",
            Self::TooLarge => "commit or read fewer rows at once",
            Self::Aborted | Self::Unavailable => "try again",
            Self::InDoubt => "read the position before anything else",
            Self::Denied => "check the credentials and the roles of the service account",
            Self::Expired => "start the pipeline again from a snapshot",
            Self::Config => "check the configuration against the database, then `migrate`",
            Self::Bug => "report this with the log around it",
        }
    }
}

/// A failed call. Its text holds names of tables, columns and constraints, never values of rows.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{action}: {message} ({})", kind.code())]
pub struct Error {
    kind: ErrorKind,
    action: &'static str,
    message: String,
    table: Option<String>,
    retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, action: &'static str, message: impl Into<String>) -> Self {
        Self { kind, action, message: message.into(), table: None, retry_after: None }
    }

    pub(crate) fn bug(action: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, action, message)
    }

    /// What the caller may conclude.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The table that the error of a commit names: tells a fenced position (the position table)
    /// from a row of the batch that is missing or there twice. Nothing when the text names none;
    /// then read the position, as if fenced.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// How long Spanner asks to wait before the next attempt (its RetryInfo).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What was being done, such as `commit`.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// What went wrong, without the action and the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}
