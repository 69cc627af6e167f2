//! `[[ingest.table]]`: a table that an ingest pipeline writes.

use super::aggregates_table::AggregatesTable;
use super::rows_table::RowsTable;
use super::table_keys::{IngestTransaction, TableKeys, Tombstones};
use super::version::Version;
use super::window::Window;
use crate::error::ErrorKind;
use crate::read::{Entry, rules};
use crate::{Located, Mapping, Span};

/// `[[ingest.table]]`: a table that an ingest pipeline writes.
#[derive(Debug, Clone)]
pub enum IngestTable {
    /// A table with `columns`: one row for each record.
    Rows(RowsTable),
    /// A table with `aggregates`: one row for each group of records.
    Aggregates(AggregatesTable),
}

impl IngestTable {
    /// Returns the name of the table that is written: that of the file, or the version's own table for a
    /// version other than 1.
    pub fn table(&self) -> &Located<str> {
        match self {
            Self::Rows(rows) => &rows.table,
            Self::Aggregates(aggregates) => &aggregates.table,
        }
    }

    /// Returns the place of the header.
    pub fn span(&self) -> Span {
        match self {
            Self::Rows(rows) => rows.span,
            Self::Aggregates(aggregates) => aggregates.span,
        }
    }

    /// Returns how a commit accesses the table.
    pub fn transaction(&self) -> IngestTransaction {
        match self {
            Self::Rows(rows) => rows.transaction,
            Self::Aggregates(aggregates) => aggregates.transaction(),
        }
    }

    /// Returns the windows of an [`AggregatesTable`], if it has any.
    pub fn window(&self) -> Option<&Window> {
        match self {
            Self::Rows(_) => None,
            Self::Aggregates(aggregates) => aggregates.window.as_ref(),
        }
    }

    /// Returns the columns of a [`RowsTable`], or the group columns of an [`AggregatesTable`].
    pub fn mappings(&self) -> &[Mapping] {
        match self {
            Self::Rows(rows) => &rows.columns,
            Self::Aggregates(aggregates) => &aggregates.group_by,
        }
    }

    pub(crate) fn read(entry: &Entry<'_>, version: Version) -> Option<Self> {
        let section = entry.section()?;
        let table = section.required("table").and_then(|entry| read_versioned_table(&entry, version));
        let filter = section.optional("where").map(|entry| entry.string(rules::filled));
        let tombstones = section.optional("tombstones").and_then(|entry| {
            let words = [
                ("ignore", Tombstones::Ignore),
                ("dead-letter", Tombstones::DeadLetter),
                ("delete", Tombstones::Delete),
            ];
            Some((entry.choice(&words, &[])?, entry.span()))
        });
        let (columns, aggregates) = (section.optional("columns"), section.optional("aggregates"));
        let keys = TableKeys { table, filter: filter.flatten(), tombstones };
        match (columns, aggregates) {
            (Some(columns), None) => RowsTable::read(section, keys, &columns).map(Self::Rows),
            (None, Some(aggregates)) => {
                AggregatesTable::read(section, keys, &aggregates).map(Self::Aggregates)
            }
            (Some(columns), Some(aggregates)) => {
                let message = "a table has either `columns` or `aggregates`, not both";
                let (earlier, later) = match columns.key_span() < aggregates.key_span() {
                    true => (columns, aggregates),
                    false => (aggregates, columns),
                };
                let mistake = section.reader().mistake(ErrorKind::Conflict, later.key_span(), message);
                let mistake = mistake.other(earlier.key_span(), "the other one");
                section.reader().report(mistake.help("write one [[ingest.table]] for each"));
                None
            }
            (None, None) => {
                let message = "a table needs `columns` or `aggregates`";
                let mistake = section.reader().mistake(ErrorKind::MissingKey, section.span(), message);
                section
                    .reader()
                    .report(mistake.help("add [ingest.table.columns] or [ingest.table.aggregates]"));
                None
            }
        }
    }
}

/// Reads the name of a table, and returns that of the version's table, which the rest of the bridge uses.
fn read_versioned_table(entry: &Entry<'_>, version: Version) -> Option<Located<str>> {
    let table = entry.string(rules::table)?;
    let name = version.table(&table);
    if rules::table(&name).is_err() {
        let message = format!("the table `{name}` of version {version} would have too long a name");
        entry.report(ErrorKind::Value, message, "a name has at most 128 characters: shorten the table's");
        return None;
    }
    Some(Located::new(name.as_str(), table.span))
}
