//! `TailNumber = { expr = "value.tailnum", mask = "hash" }`

use super::all_fields::AllFields;
use crate::error::Kind;
use crate::read::{Entry, check};
use crate::{Keys, Located};

/// A column and the expression that fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The table's column.
    pub column: Located<str>,
    /// CEL expression over key, value, headers, topic, partition, offset and timestamp.
    pub expr: Located<str>,
    /// What is done to the value before it is stored.
    pub mask: Option<Mask>,
    /// It stands for a field of `"*"`, not for an entry of the file. Always false as it is read.
    pub copied: bool,
    /// Where its keys stand.
    pub keys: Keys,
}

/// What hides a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// A hash under the pipeline's `mask_key`: equal values stay equal.
    Hash,
    /// Nothing of it is left.
    Redact,
    /// Its end is left.
    Partial,
}

impl Mapping {
    fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_as(check::identifier);
        if !entry.is_table() || entry.has_any(&["env", "file"]) {
            let expr = entry.string(check::filled);
            return Some(Self {
                column: column?,
                expr: expr?,
                mask: None,
                copied: false,
                keys: Keys::new(entry.span(), Vec::new()),
            });
        }
        let section = entry.section()?;
        let expr = section.required("expr").and_then(|entry| entry.string(check::filled));
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

pub(super) fn columns_of(entry: &Entry<'_>) -> Option<Vec<Mapping>> {
    filled(entry, Mapping::read)
}

/// One entry of a table of rows.
enum Item {
    Column(Mapping),
    All(AllFields),
}

/// The columns, and the record whose fields all go to columns.
pub(super) fn columns_and_all(entry: &Entry<'_>) -> Option<(Vec<Mapping>, Option<AllFields>)> {
    let items = filled(entry, |entry| match entry.key() {
        AllFields::KEY => AllFields::read(entry).map(Item::All),
        _ => Mapping::read(entry).map(Item::Column),
    })?;
    let (mut columns, mut all) = (Vec::new(), None);
    for item in items {
        match item {
            Item::Column(mapping) => columns.push(mapping),
            Item::All(fields) => all = Some(fields),
        }
    }
    Some((columns, all))
}

/// A table of columns that is not empty, each read by `read`.
pub(super) fn filled<T>(entry: &Entry<'_>, read: fn(&Entry<'_>) -> Option<T>) -> Option<Vec<T>> {
    let entries = entry.section()?.entries();
    if entries.is_empty() {
        entry.wrong(Kind::Value, format!("`{}` is empty", entry.path()), "name at least one column");
        return None;
    }
    // All are read before any is missed, so that all mistakes are reported.
    let read: Vec<Option<T>> = entries.iter().map(read).collect();
    read.into_iter().collect()
}
