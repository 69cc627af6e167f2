//! Keys that both kinds of tables have, and their values.

use crate::error::ErrorKind;
use crate::read::Section;
use crate::{Located, Span};

/// `tombstones`: the effect of a record without a value (a tombstone).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tombstones {
    /// The record is ignored. The default.
    #[default]
    Ignore,
    /// The record becomes a dead letter.
    DeadLetter,
    /// The record deletes its row. Only in a [`RowsTable`](crate::RowsTable), whose key columns must not read
    /// `value`.
    Delete,
}

/// `transaction`: how a commit accesses the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IngestTransaction {
    /// Writes rows without reading them.
    Blind,
    /// Reads and locks the rows before it writes them.
    ReadWrite,
}

impl IngestTransaction {
    /// The words of the configuration.
    pub(super) const WORDS: [(&str, Self); 2] = [("blind", Self::Blind), ("read-write", Self::ReadWrite)];
}

/// The values of the keys that both kinds of tables have.
pub(super) struct TableKeys {
    pub(super) table: Option<Located<str>>,
    pub(super) filter: Option<Located<str>>,
    /// The value of `tombstones` and its place.
    pub(super) tombstones: Option<(Tombstones, Span)>,
}

/// Reports the `keys` that are present but apply only to a table with the key `other`.
pub(super) fn only_with(section: &Section<'_>, keys: &[&'static str], other: &str) {
    for key in keys {
        if let Some(entry) = section.optional(key) {
            let message = format!("`{key}` has a meaning only in a table with `{other}`");
            let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
            section.reader().report(mistake.help(format!("remove `{key}`")));
        }
    }
}
