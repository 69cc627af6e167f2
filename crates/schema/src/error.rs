//! The error of this crate: a kind for the caller's policy, and a message for people.

use std::fmt;

use crate::convert::ConvertError;

/// The class of a failure, as a caller's policy needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The registry options are invalid, or the URL does not lead to a registry. The caller stops.
    Configuration,
    /// The registry is unreachable, overloaded or not ready. The caller retries later.
    Unavailable,
    /// The registry rejects the credentials. The caller stops.
    Unauthorized,
    /// The registry rejects the request for another reason. The caller stops.
    Rejected,
    /// The registry has no schema with this id. The record becomes a dead letter.
    UnknownSchema,
    /// The registry has no such subject.
    UnknownSubject,
    /// The registry has a schema with this id, but it cannot be used: it is invalid, too large, or in another
    /// language than expected. The record becomes a dead letter.
    UnusableSchema,
    /// The new schema violates the subject's compatibility level; see [`Error::incompatibility`].
    Incompatible,
    /// No schema can be derived from the table.
    Underivable,
    /// The bytes are not in Confluent's wire format. The record becomes a dead letter.
    Frame,
    /// The payload does not match its schema. The record becomes a dead letter.
    Payload,
    /// The payload exceeds the [`Limits`](crate::Limits). The record becomes a dead letter.
    TooLarge,
    /// The value is not a Debezium change event of a row. The record becomes a dead letter.
    Envelope,
    /// A value does not fit the schema with which it is encoded. Publish stops before its change.
    Encode,
}

impl ErrorKind {
    /// The stable code, for metrics and dead letters. `docs/errors` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::Configuration => "SB-SCHEMA-CONFIGURATION",
            Self::Unavailable => "SB-SCHEMA-REGISTRY-UNAVAILABLE",
            Self::Unauthorized => "SB-SCHEMA-REGISTRY-UNAUTHORIZED",
            Self::Rejected => "SB-SCHEMA-REGISTRY-REJECTED",
            Self::UnknownSchema => "SB-SCHEMA-UNKNOWN-ID",
            Self::UnknownSubject => "SB-SCHEMA-UNKNOWN-SUBJECT",
            Self::UnusableSchema => "SB-SCHEMA-UNUSABLE",
            Self::Incompatible => "SB-SCHEMA-INCOMPATIBLE",
            Self::Underivable => "SB-SCHEMA-UNDERIVABLE",
            Self::Frame => "SB-SCHEMA-FRAME",
            Self::Payload => "SB-SCHEMA-PAYLOAD",
            Self::TooLarge => "SB-SCHEMA-TOO-LARGE",
            Self::Envelope => "SB-SCHEMA-ENVELOPE",
            Self::Encode => "SB-SCHEMA-ENCODE",
        }
    }

    /// True if the same call may succeed later.
    pub fn is_retriable(self) -> bool {
        self == Self::Unavailable
    }

    /// True if the cause is a single record. Ingest then writes a dead letter and continues.
    pub fn is_data(self) -> bool {
        matches!(
            self,
            Self::UnknownSchema
                | Self::UnusableSchema
                | Self::Frame
                | Self::Payload
                | Self::TooLarge
                | Self::Envelope
                | Self::Encode
        )
    }
}

/// The error of this crate.
///
/// The message never contains the content of a record or a secret. It begins in lower case, because callers put
/// the place in front: `value: schema id 7: the payload ends too early, at byte 3 of 3`.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    incompatibility: Option<Incompatibility>,
}

/// The registry's reason for rejecting a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    /// The subject.
    pub subject: String,
    /// The path of the field, such as `after.amount`, if it is known. Several paths are separated by commas.
    pub field: Option<String>,
    /// The violated rule in the registry's words, such as `READER_FIELD_MISSING_DEFAULT_VALUE`.
    pub rule: String,
}

impl Error {
    /// An error of any kind except [`ErrorKind::Incompatible`].
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), incompatibility: None }
    }

    /// An error of kind [`ErrorKind::Incompatible`].
    pub(crate) fn incompatible(reason: Incompatibility) -> Self {
        Self { kind: ErrorKind::Incompatible, message: reason.to_string(), incompatibility: Some(reason) }
    }

    /// The error of an encoder whose value is not of its field's kind.
    pub(crate) fn mismatch() -> Self {
        Self::new(ErrorKind::Encode, MISMATCH)
    }

    /// The same error, whose message begins with the field; see [`in_field`].
    pub(crate) fn in_field(self, name: &str) -> Self {
        Self::new(self.kind, in_field(name, &self.message))
    }

    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of the kind.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// The subject, field and rule of an error of kind [`ErrorKind::Incompatible`].
    pub fn incompatibility(&self) -> Option<&Incompatibility> {
        self.incompatibility.as_ref()
    }
}

/// The message of [`Error::mismatch`].
pub(crate) const MISMATCH: &str = "the value is not of the type that its schema has; restart the service to read the table's current schema";

/// A message that begins with the field: `field amount: …`. The field of a nested record becomes a path:
/// `field after.amount: …`.
pub(crate) fn in_field(name: &str, message: &str) -> String {
    match message.strip_prefix("field ") {
        Some(nested) => format!("field {name}.{nested}"),
        None => format!("field {name}: {message}"),
    }
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        Self::new(ErrorKind::Encode, error.to_string())
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema violates the compatibility level of subject {}: {}", self.subject, self.rule)?;
        if let Some(field) = &self.field {
            write!(f, " (field {field})")?;
        }
        f.write_str("; revert the table change, or set the subject's compatibility level and register a version by hand")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_fields_become_a_path() {
        let error = Error::mismatch().in_field("amount").in_field("after");
        assert_eq!(error.to_string(), format!("field after.amount: {MISMATCH}"));
        assert_eq!(error.kind(), ErrorKind::Encode);
    }
}
