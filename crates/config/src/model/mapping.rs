//! The mapping of one column, such as `TailNumber = { expr = "value.tailnum", mask = "hash" }`.

use super::all_fields::AllFields;
use crate::error::ErrorKind;
use crate::read::{Entry, rules};
use crate::{KeySpans, Located};

/// A column and the expression that computes its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The column of the table: the key of the entry. Required.
    pub column: Located<str>,
    /// `expr`: a CEL expression over `key`, `value`, `headers`, `topic`, `partition`, `offset` and
    /// `timestamp`. Required.
    pub expr: Located<str>,
    /// `mask`: how the value is hidden before it is stored. Default: not at all.
    pub mask: Option<Mask>,
    /// Whether the mapping comes from a field of `"*"` instead of an entry of the file. Always false in a
    /// configuration that was just read.
    pub copied: bool,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// How a value is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// Replaces the value by its hash under the pipeline's `mask_key`. Equal values have equal hashes.
    Hash,
    /// Replaces the value by NULL, or by a fixed value in a NOT NULL column.
    Redact,
    /// Keeps only the last four characters of a text of eight or more.
    Partial,
}

impl Mapping {
    fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_name(rules::identifier);
        if !entry.is_table() || entry.has_any(&["env", "file"]) {
            let expr = entry.string(rules::filled);
            return Some(Self {
                column: column?,
                expr: expr?,
                mask: None,
                copied: false,
                keys: KeySpans::new(entry.span(), Vec::new()),
            });
        }
        let section = entry.section()?;
        let expr = section.required("expr").and_then(|entry| entry.string(rules::filled));
        let mask = section.optional("mask").map(|entry| {
            entry.choice(&[("hash", Mask::Hash), ("redact", Mask::Redact), ("partial", Mask::Partial)], &[])
        });
        let keys = section.finish();
        Some(Self {
            column: column?,
            expr: expr?,
            mask: mask.map_or(Some(None), |mask| mask.map(Some))?,
            copied: false,
            keys,
        })
    }
}

/// Reads a table of columns.
pub(super) fn read_columns(entry: &Entry<'_>) -> Option<Vec<Mapping>> {
    read_nonempty(entry, Mapping::read)
}

/// One entry of the columns of a row table.
enum ColumnEntry {
    Column(Mapping),
    All(AllFields),
}

/// Reads a table of columns that may have `"*"`.
pub(super) fn read_columns_and_all(entry: &Entry<'_>) -> Option<(Vec<Mapping>, Option<AllFields>)> {
    let entries = read_nonempty(entry, |entry| match entry.key() {
        AllFields::KEY => AllFields::read(entry).map(ColumnEntry::All),
        _ => Mapping::read(entry).map(ColumnEntry::Column),
    })?;
    let (mut columns, mut all) = (Vec::new(), None);
    for entry in entries {
        match entry {
            ColumnEntry::Column(mapping) => columns.push(mapping),
            ColumnEntry::All(fields) => all = Some(fields),
        }
    }
    Some((columns, all))
}

/// Reads a table of columns that is not empty, each entry with `read`.
pub(super) fn read_nonempty<T>(entry: &Entry<'_>, read: fn(&Entry<'_>) -> Option<T>) -> Option<Vec<T>> {
    let entries = entry.section()?.entries();
    if entries.is_empty() {
        entry.report(ErrorKind::Value, format!("`{}` is empty", entry.path()), "name at least one column");
        return None;
    }
    // All entries are read before the first `None` ends this, so that all mistakes are reported.
    let read: Vec<Option<T>> = entries.iter().map(read).collect();
    read.into_iter().collect()
}
