//! The error type of this crate: what happened, and what the caller may conclude from it.
//!
//! `classify` maps gRPC codes to kinds; `text` removes values of rows from Spanner's messages. Nothing here decides what is
//! done about an error: each service has its own table for that.

mod classify;
mod text;

use std::time::Duration;

pub(crate) use classify::Call;
pub(crate) use text::Names;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// The conclusion that a failed call allows about the state of the database.
///
/// One `match` in `classify.rs` maps gRPC codes to kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A row that an update names does not exist. For the position row: fenced. Nothing was written.
    NotFound,
    /// A row that an insert names exists. For the position row: fenced. Nothing was written.
    AlreadyExists,
    /// The data is rejected: constraint, length, type, missing parent. Nothing was written, and
    /// the same commit will be rejected again.
    Rejected,
    /// The commit exceeds the limit on size or mutations. Nothing was written; smaller commits may succeed.
    /// For a read: more rows than allowed.
    TooLarge,
    /// The commit, or a read in a transaction, lost against another transaction. Nothing was written; a retry may
    /// succeed.
    Aborted,
    /// The outcome of the commit is unknown: it may still become visible. Read the position.
    InDoubt,
    /// No answer, or a temporary refusal. A commit was never sent. Retry later.
    Unavailable,
    /// Credentials are missing, expired or insufficient.
    Denied,
    /// The requested time is older than the retention period, or than the change stream itself.
    Expired,
    /// The database, a table, a column or a statement does not exist or is not valid.
    Config,
    /// The caller or the service broke the contract of this crate.
    Bug,
}

impl ErrorKind {
    /// Returns the stable code for logs, metrics and dead letters.
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

    /// Returns the action that an operator can take.
    pub fn help(self) -> &'static str {
        match self {
            Self::NotFound | Self::AlreadyExists => "read the position; another worker may own it",
            Self::Rejected => "compare the record with the table's columns and constraints",
            Self::TooLarge => "commit or read fewer rows at once",
            Self::Aborted | Self::Unavailable => "retry",
            Self::InDoubt => "read the position first",
            Self::Denied => "check the credentials and the roles of the service account",
            Self::Expired => "restart the pipeline with a snapshot",
            Self::Config => "compare the configuration with the database, then run `migrate`",
            Self::Bug => "report this with the surrounding log",
        }
    }
}

/// A failed call. Its text may contain names of tables, columns and constraints, never values of rows.
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

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the table that the error of a commit names.
    ///
    /// It distinguishes a fenced position (the position table) from a missing or duplicate row of the batch. When the text
    /// names no table, read the position, as if fenced.
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// Returns the delay before the next attempt that Spanner requests (`RetryInfo`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the failed action, such as `commit`.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Returns the message without the action and the code.
    pub fn message(&self) -> &str {
        &self.message
    }
}
