use std::fmt::Display;

/// The result of a verification step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why data could not be read for verification. A difference that was found is a result, not an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka failed.
    #[error("Kafka: {0}")]
    Kafka(#[from] spanbridge_kafka::Error),
    /// Spanner failed.
    #[error("Spanner: {0}")]
    Spanner(#[from] spanbridge_spanner::Error),
    /// A schema could not be read, derived or applied.
    #[error(transparent)]
    Schema(#[from] spanbridge_schema::Error),
    /// The data does not have the form that the bridge gives it.
    #[error("{message}")]
    Unexpected {
        /// The kind of data.
        kind: ErrorKind,
        /// A sentence about the data, without any of its values.
        message: String,
    },
    /// Another error, with the place where it occurred.
    #[error("{place}: {source}")]
    At {
        /// The place, such as `topic[partition]@offset`.
        place: String,
        /// The error.
        source: Box<Error>,
    },
}

/// The kind of data that does not have the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The record sequence of a data change record is not a number.
    RecordSequence,
    /// A row of the bridge's position table.
    Positions,
    /// A record that publish wrote to Kafka.
    PublishedRecord,
}

impl ErrorKind {
    /// Returns the stable code of this kind; each code has a page in docs/errors.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RecordSequence => "SB-VERIFY-RECORD-SEQUENCE",
            Self::Positions => "SB-VERIFY-POSITIONS",
            Self::PublishedRecord => "SB-VERIFY-PUBLISHED-RECORD",
        }
    }
}

impl Error {
    pub(crate) fn unexpected(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Unexpected { kind, message: message.into() }
    }

    /// Returns this error with the place where it occurred.
    pub(crate) fn at(self, place: impl Display) -> Self {
        Self::At { place: place.to_string(), source: Box::new(self) }
    }
}
