//! `[[ingest.table]]`

use super::groups::AggregatesTable;
use super::rows::RowsTable;
use super::version::Version;
use super::window::Window;
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Located, Mapping, Span};

/// A table that an ingest pipeline writes.
#[derive(Debug, Clone)]
pub enum IngestTable {
    /// One record, one row.
    Rows(RowsTable),
    /// Many records, one row.
    Aggregates(AggregatesTable),
}

/// What a record without a value (a tombstone) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tombstones {
    /// Nothing.
    #[default]
    Ignore,
    /// It goes to the dead letters.
    DeadLetter,
    /// It deletes its row. Only in a [`RowsTable`], whose key columns must not read `value`.
    Delete,
}

/// What a commit does before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IngestTransaction {
    /// Nothing: it writes without having read.
    Blind,
    /// It reads and locks the rows.
    ReadWrite,
}

impl IngestTransaction {
    pub(super) const WORDS: [(&str, Self); 2] = [("blind", Self::Blind), ("read-write", Self::ReadWrite)];
}

impl IngestTable {
    /// The name of the table that is written: the file's, but that of its own of a version other than 1.
    pub fn table(&self) -> &Located<str> {
        match self {
            Self::Rows(rows) => &rows.table,
            Self::Aggregates(aggregates) => &aggregates.table,
        }
    }

    /// The header's place.
    pub fn span(&self) -> Span {
        match self {
            Self::Rows(rows) => rows.span,
            Self::Aggregates(aggregates) => aggregates.span,
        }
    }

    /// What its commit does before it writes.
    pub fn transaction(&self) -> IngestTransaction {
        match self {
            Self::Rows(rows) => rows.transaction,
            Self::Aggregates(aggregates) => aggregates.transaction(),
        }
    }

    /// The windows of an [`AggregatesTable`] that has some.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Rows(_) => None,
            Self::Aggregates(aggregates) => aggregates.window.as_ref(),
        }
    }

    /// The columns of a [`RowsTable`], the groups of an [`AggregatesTable`].
    pub fn mappings(&self) -> &[Mapping] {
        match self {
            Self::Rows(rows) => &rows.columns,
            Self::Aggregates(aggregates) => &aggregates.group_by,
        }
    }

    pub(crate) fn read(entry: &Entry<'_>, version: Version) -> Option<Self> {
        let section = entry.section()?;
        let table = section.required("table").and_then(|entry| versioned(&entry, version));
        let filter = section.optional("where").map(|entry| entry.string(check::filled));
        let tombstones = section.optional("tombstones").and_then(|entry| {
            let words = [
                ("ignore", Tombstones::Ignore),
                ("dead-letter", Tombstones::DeadLetter),
                ("delete", Tombstones::Delete),
            ];
            Some((entry.choice(&words, &[])?, entry.span()))
        });
        let (columns, aggregates) = (section.optional("columns"), section.optional("aggregates"));
        let common = Common { table, filter: filter.flatten(), tombstones };
        match (columns, aggregates) {
            (Some(columns), None) => RowsTable::read(section, common, &columns).map(Self::Rows),
            (None, Some(aggregates)) => {
                AggregatesTable::read(section, common, &aggregates).map(Self::Aggregates)
            }
            (Some(columns), Some(aggregates)) => {
                let message = "a table has either `columns` or `aggregates`, not both";
                let (earlier, later) = match columns.key_span() < aggregates.key_span() {
                    true => (columns, aggregates),
                    false => (aggregates, columns),
                };
                let mistake = section.reader().mistake(Kind::Conflict, later.key_span(), message);
                let mistake = mistake.other(earlier.key_span(), "the other one");
                section.reader().report(mistake.help("write one [[ingest.table]] for each"));
                None
            }
            (None, None) => {
                let message = "a table needs `columns` or `aggregates`";
                let mistake = section.reader().mistake(Kind::MissingKey, section.span(), message);
                section
                    .reader()
                    .report(mistake.help("add [ingest.table.columns] or [ingest.table.aggregates]"));
                None
            }
        }
    }
}

/// The table of that version, as everything that reads the model knows it.
fn versioned(entry: &Entry<'_>, version: Version) -> Option<Located<str>> {
    let table = entry.string(check::table)?;
    let name = version.table(&table);
    if check::table(&name).is_err() {
        let message = format!("the table `{name}` of version {version} would have too long a name");
        entry.wrong(Kind::Value, message, "a name has at most 128 characters: shorten the table's");
        return None;
    }
    Some(Located::new(name.as_str(), table.span))
}

/// What both kinds of tables have.
pub(super) struct Common {
    pub(super) table: Option<Located<str>>,
    pub(super) filter: Option<Located<str>>,
    pub(super) tombstones: Option<(Tombstones, Span)>,
}

/// Keys that mean nothing without `other`.
pub(super) fn only_with(section: &Section<'_>, keys: &[&'static str], other: &str) {
    for key in keys {
        if let Some(entry) = section.optional(key) {
            let message = format!("`{key}` has a meaning only in a table with `{other}`");
            let mistake = section.reader().mistake(Kind::Conflict, entry.key_span(), message);
            section.reader().report(mistake.help(format!("remove `{key}`")));
        }
    }
}
