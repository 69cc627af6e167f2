//! `"*" = "value"`

use crate::error::Kind;
use crate::read::{Entry, check};
use crate::{Located, Span};

/// Each field of a record goes to the column of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllFields {
    /// The record: `value`, or a path to a record in it.
    pub path: Located<str>,
    /// Where the `"*"` stands.
    pub span: Span,
}

impl AllFields {
    /// Among the names of columns.
    pub(super) const KEY: &str = "*";

    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let path = entry.string(check::filled)?;
        let mut steps = path.split('.');
        if steps.next() != Some("value") || !steps.all(|step| check::identifier(step).is_ok()) {
            let message = format!("`{}` takes the fields of `value` or of a record in it", entry.path());
            entry.wrong(Kind::Value, message, "write \"value\", or a path to a record such as \"value.row\"");
            return None;
        }
        Some(Self { path, span: entry.key_span() })
    }
}
