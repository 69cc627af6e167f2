//! The reason why a record cannot be applied.

use std::borrow::Cow;

/// The reason why a record cannot be decoded, mapped or stored. It contains no value of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The stable error code, such as `SB-INGEST-DECODE`.
    pub code: Cow<'static, str>,
    /// A description of what happened and where.
    pub message: String,
}

impl Failure {
    /// Creates a failure with a code of this version.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }
}
