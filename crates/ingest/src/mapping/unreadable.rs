//! Values that CEL cannot represent, as opaque values of an expression.
//!
//! A record's other fields stay readable, and an expression that does not read the value never fails because of it. An
//! expression that computes with it fails, and [`Unreadable`] names the field.

use std::fmt;

use cel::objects::Opaque;
use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::Datum;

/// A value that CEL cannot represent, such as a timestamp after the year 9999. It equals only the same value.
#[derive(Clone)]
pub(super) struct Unreadable {
    /// The path of the field, such as `value.born`.
    path: String,
    value: Datum,
}

impl PartialEq for Unreadable {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

// The values without a CEL counterpart contain no NaN.
impl Eq for Unreadable {}

impl Unreadable {
    pub(super) fn new(path: String, value: Datum) -> Self {
        Self { path, value }
    }

    /// Returns the field that the text of an expression names, by its path if possible.
    pub(super) fn named_in<'f>(fields: &'f [Self], expression: &str) -> Option<&'f Self> {
        let name = |field: &&Self| expression.contains(field.path.rsplit('.').next().unwrap_or_default());
        fields.iter().find(|field| expression.contains(&field.path)).or_else(|| fields.iter().find(name))
    }

    /// Returns the failure of an expression whose result is the value.
    pub(super) fn failure(&self) -> Failure {
        Failure::new("SB-INGEST-CONVERT", self.to_string())
    }
}

impl fmt::Display for Unreadable {
    /// Writes the field and the reason, never the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Datum::Invalid(why) => write!(f, "`{}`: {why}", self.path),
            _ => write!(f, "`{}`: the {} is out of the range of CEL", self.path, self.value.type_name()),
        }
    }
}

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Opaque for Unreadable {
    fn runtime_type_name(&self) -> &str {
        "spanbridge.Unreadable"
    }
}
