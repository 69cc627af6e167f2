use std::fmt;

use spanbridge_protocol::value::{Type, Value};

use crate::datum::Datum;

/// Why a value does not convert; names the two types, never the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{from} does not convert to {to}: {fault}")]
pub struct ConvertError {
    /// What it is.
    from: String,
    /// What it should be.
    to: String,
    fault: Fault,
}

/// The reasons for a [`ConvertError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// There is no rule for these two types.
    Type,
    /// Outside what the target type holds.
    Range,
    /// More digits than the target type holds.
    Precision,
    /// The text is not a literal of the target type.
    Syntax,
    /// Null where a value is required.
    Null,
}

impl Fault {
    /// A stable code, for metrics and dead letters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Type => "convert.type",
            Self::Range => "convert.range",
            Self::Precision => "convert.precision",
            Self::Syntax => "convert.syntax",
            Self::Null => "convert.null",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "there is no lossless conversion between these types",
            Self::Range => "the value is out of range",
            Self::Precision => "the value has more digits than fit",
            Self::Syntax => "the text is not of that form",
            Self::Null => "the value is null",
        })
    }
}

impl ConvertError {
    pub(super) fn to_spanner(value: &Datum, ty: &Type, fault: Fault) -> Self {
        Self { from: value.kind().to_owned(), to: format!("Spanner {ty}"), fault }
    }

    pub(crate) fn encode(value: &Value, ty: &Type, fault: Fault) -> Self {
        Self {
            from: format!("Spanner {}", spanner_name(value)),
            to: format!("a published value of type {ty}"),
            fault,
        }
    }

    /// The reason.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }
}

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
