//! The error of a conversion.

use std::fmt;

use spanbridge_protocol::value::{Type, Value};

use crate::datum::Datum;

/// A value that does not convert without loss. The message names the two types, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{from} does not convert to {to}: {kind}")]
pub struct ConvertError {
    /// The name of the value's type.
    from: String,
    /// The name of the target type.
    to: String,
    kind: ConvertErrorKind,
}

/// The reason for a [`ConvertError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvertErrorKind {
    /// No lossless conversion exists between the two types.
    Type,
    /// The value is outside the range of the target type.
    Range,
    /// The value has more digits than the target type holds.
    Precision,
    /// The text is not a literal of the target type.
    Syntax,
    /// The value is null, but the target requires a value.
    Null,
    /// The record's own type does not allow the value. The text says why.
    Invalid(&'static str),
}

impl ConvertErrorKind {
    /// The stable code, for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Type => "convert.type",
            Self::Range => "convert.range",
            Self::Precision => "convert.precision",
            Self::Syntax => "convert.syntax",
            Self::Null => "convert.null",
            Self::Invalid(_) => "convert.invalid",
        }
    }
}

impl fmt::Display for ConvertErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => {
                "no lossless conversion exists between these types; change the column's type or the mapping"
            }
            Self::Range => "the value is out of range",
            Self::Precision => "the value has more digits than the type holds",
            Self::Syntax => "the text is not a literal of this type",
            Self::Null => "the value is null, but a value is required",
            Self::Invalid(why) => why,
        })
    }
}

impl ConvertError {
    /// The error of a datum that does not convert to a column of type `ty`.
    pub(super) fn to_spanner(value: &Datum, ty: &Type, kind: ConvertErrorKind) -> Self {
        Self { from: value.type_name().to_owned(), to: format!("Spanner {ty}"), kind }
    }

    /// The error of a column value that cannot be published as type `ty`.
    pub(crate) fn encode(value: &Value, ty: &Type, kind: ConvertErrorKind) -> Self {
        Self {
            from: format!("Spanner {}", spanner_name(value)),
            to: format!("a published value of type {ty}"),
            kind,
        }
    }

    /// The reason.
    pub fn kind(&self) -> ConvertErrorKind {
        self.kind
    }

    /// The stable code of the reason.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

/// The name of a column value's type.
fn spanner_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOL",
        Value::Int64(_) => "INT64",
        Value::Float64(_) => "FLOAT64",
        Value::Numeric(_) => "NUMERIC",
        Value::String(_) => "STRING",
        Value::Bytes(_) => "BYTES",
        Value::Date(_) => "DATE",
        Value::Timestamp(_) => "TIMESTAMP",
        Value::Json(_) => "JSON",
        Value::Array(_) => "ARRAY",
        Value::CommitTimestamp => "PENDING_COMMIT_TIMESTAMP",
    }
}
