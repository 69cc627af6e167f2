use std::fmt;

/// What went wrong, as a caller's policy needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The options make no sense: stop.
    Configuration,
    /// The registry cannot be reached, is overloaded or not ready: try again later.
    Unavailable,
    /// The registry refuses the credentials: stop.
    Unauthorized,
    /// The registry refuses the request for another reason: stop.
    Rejected,
    /// The registry has no schema of that id: the record is at fault.
    UnknownSchema,
    /// The registry has no such subject.
    UnknownSubject,
    /// The registry has a schema of that id, but it is no Avro schema that can be used: the record is at fault.
    UnusableSchema,
    /// The new schema breaks the subject's compatibility rule; see [`Error::incompatibility`].
    Incompatible,
    /// No schema can be derived from the table.
    Underivable,
    /// The bytes are not in Confluent's wire format.
    Frame,
    /// The payload is not what its schema says.
    Payload,
    /// The payload would take more memory or depth than allowed.
    TooLarge,
    /// The value is not a change event that names a row.
    Envelope,
    /// A value does not fit the schema that it is encoded with.
    Encode,
}

impl Kind {
    /// A stable code, for metrics and dead letters.
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

    /// True when the same call may succeed later.
    pub fn is_retriable(self) -> bool {
        self == Self::Unavailable
    }

    /// True when one record is at fault, and a dead letter is the answer.
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

/// The one error of this crate. Its text never holds a record's content or a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: String,
    incompatibility: Option<Incompatibility>,
}

/// Why the registry refused a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility {
    pub subject: String,
    /// The field, where the registry names one.
    pub field: Option<String>,
    /// The rule that is broken, in the registry's words, such as `READER_FIELD_MISSING_DEFAULT_VALUE`.
    pub rule: String,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), incompatibility: None }
    }

    pub(crate) fn incompatible(what: Incompatibility) -> Self {
        Self { kind: Kind::Incompatible, message: what.to_string(), incompatibility: Some(what) }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Subject, field and rule, for [`Kind::Incompatible`].
    pub fn incompatibility(&self) -> Option<&Incompatibility> {
        self.incompatibility.as_ref()
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schema breaks the compatibility rule of subject {}: {}", self.subject, self.rule)?;
        if let Some(field) = &self.field {
            write!(f, " (field {field})")?;
        }
        f.write_str("; change the table back, or register a version by hand and set the subject's rule")
    }
}
