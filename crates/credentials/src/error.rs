//! The error of this crate: a kind for the caller's policy, and a message without secrets.

use std::sync::Arc;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A secret cannot be read: its file or variable is missing or invalid. It may be mounted later.
    Unreadable,
    /// The token server is unreachable, overloaded, or too slow. The same call may succeed later.
    Unavailable,
    /// The token server rejects the credentials.
    Rejected,
    /// The options are invalid, or the token server's answer is not a token.
    Unusable,
}

impl ErrorKind {
    /// True if the same call may succeed later, without a change to the configuration file.
    pub fn is_retriable(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unreadable)
    }
}

/// The error of this crate.
///
/// The message names the key or the server and contains no secret. It begins in lower case, because callers put the
/// place in front.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: Arc<str>,
}

impl Error {
    /// An error with this message, which must not contain a secret.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: message.as_ref().into() }
    }

    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
