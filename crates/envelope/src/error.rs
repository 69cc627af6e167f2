//! Errors of sealing and opening.

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The key cannot be read or used, or Cloud KMS refuses. Somebody must change something.
    Key,
    /// The key that wrapped the data key is not at hand. The message names it.
    UnknownKey,
    /// Cloud KMS does not answer. Another attempt may succeed.
    Unavailable,
    /// The payload was changed, belongs to another place, or is not a sealed payload.
    Damaged,
}

/// An error of this crate: its kind, and a message that contains neither keys nor payloads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns the kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
