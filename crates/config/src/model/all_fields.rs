//! `"*" = "value"` in the columns of a table.

use super::name_pattern::matches;
use crate::error::ErrorKind;
use crate::read::{Entry, rules};
use crate::{Located, Span};

/// The mapping of every field of a record to the column of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllFields {
    /// `"*"`: the record, which is `value` or a path to a record in it. Required.
    pub path: Located<str>,
    /// `exclude`: names of fields that get no column, in which `*` matches any characters. Default: none.
    pub exclude: Vec<Located<str>>,
    /// The place of the `"*"`.
    pub span: Span,
}

impl AllFields {
    /// The key among the names of columns.
    pub(super) const KEY: &str = "*";

    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let path = entry.string(rules::filled)?;
        let mut steps = path.split('.');
        if steps.next() != Some("value") || !steps.all(|step| rules::identifier(step).is_ok()) {
            let message = format!("`{}` takes the fields of `value` or of a record in it", entry.path());
            entry.report(
                ErrorKind::Value,
                message,
                "write \"value\", or a path to a record such as \"value.row\"",
            );
            return None;
        }
        Some(Self { path, exclude: Vec::new(), span: entry.key_span() })
    }

    /// Returns whether `exclude` names the field. Case is ignored, as for the columns.
    #[must_use]
    pub fn excludes(&self, field: &str) -> bool {
        self.exclude.iter().any(|pattern| matches(pattern, field))
    }
}
