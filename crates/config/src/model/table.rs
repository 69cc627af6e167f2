//! `[[ingest.table]]`

use super::aggregate::Aggregate;
use super::window::Window;
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Located, Span};

/// The key column that an aggregate table of `ownership = "partition"` has besides its groups:
/// the Kafka partition, INT64.
pub const SOURCE_PARTITION: &str = "SourcePartition";

/// A table that an ingest pipeline writes.
#[derive(Debug, Clone)]
pub enum IngestTable {
    /// One record, one row.
    Rows(RowsTable),
    /// Many records, one row.
    Aggregates(AggregatesTable),
}

/// A table with one row for each record.
#[derive(Debug, Clone)]
pub struct RowsTable {
    /// The table's name, `schema.table` for one of a named schema.
    pub table: Located<str>,
    /// How a row is written. Default: upsert.
    pub mode: Mode,
    /// `where`: CEL expression; only records for which it is true.
    pub filter: Option<Located<str>>,
    /// What a record without a value does. Default: ignore.
    pub tombstones: Tombstones,
    /// The columns, in file order; at least one, none twice (without case).
    pub columns: Vec<Mapping>,
    /// The header.
    pub span: Span,
}

/// A table with one row for each group of records.
#[derive(Debug, Clone)]
pub struct AggregatesTable {
    /// The table's name, `schema.table` for one of a named schema.
    pub table: Located<str>,
    /// `where`: CEL expression; only records for which it is true.
    pub filter: Option<Located<str>>,
    /// The key columns that make the group, in file order; none when absent.
    pub group_by: Vec<Mapping>,
    /// Absent: one row for each group.
    pub window: Option<Window>,
    /// Who may write a row. Default: partition.
    pub ownership: Ownership,
    /// What a record without a value does. Default: ignore.
    pub tombstones: Tombstones,
    /// The aggregate columns, in file order; at least one.
    pub aggregates: Vec<Aggregate>,
    /// The header.
    pub span: Span,
}

/// A column and the expression that fills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The table's column.
    pub column: Located<str>,
    /// CEL expression over key, value, headers, topic, partition, offset and timestamp.
    pub expr: Located<str>,
}

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Inserted, or updated when it is there.
    #[default]
    Upsert,
}

/// Who may write a row of an aggregate table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ownership {
    /// The source partition alone, which is part of the row's key: [`SOURCE_PARTITION`].
    #[default]
    Partition,
}

/// What a record without a value (a tombstone) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tombstones {
    /// Nothing.
    #[default]
    Ignore,
    /// It goes to the dead letters.
    DeadLetter,
}

impl IngestTable {
    /// The table's name.
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

    pub(crate) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let table = section.required("table").and_then(|entry| entry.string(check::table));
        let filter = section.optional("where").map(|entry| entry.string(check::filled));
        let tombstones = section.optional("tombstones");
        let words = [("ignore", Tombstones::Ignore), ("dead-letter", Tombstones::DeadLetter)];
        let tombstones = tombstones.and_then(|entry| entry.choice(&words, &["delete"])).unwrap_or_default();
        section.unsupported("version", "remove it: in one Kafka partition the newest record wins");
        section.unsupported("transaction", "remove it: commits are blind and fenced");
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

/// What both kinds of tables have.
struct Common {
    table: Option<Located<str>>,
    filter: Option<Located<str>>,
    tombstones: Tombstones,
}

impl RowsTable {
    fn read(section: Section<'_>, common: Common, columns: &Entry<'_>) -> Option<Self> {
        let columns = columns_of(columns);
        let mode = section.optional("mode");
        let mode =
            mode.and_then(|entry| entry.choice(&[("upsert", Mode::Upsert)], &["insert", "update", "delete"]));
        for key in ["group_by", "window", "ownership"] {
            only_with(&section, key, "aggregates");
        }
        let span = section.span();
        section.finish();
        let Common { table, filter, tombstones } = common;
        Some(Self {
            table: table?,
            mode: mode.unwrap_or_default(),
            filter,
            tombstones,
            columns: columns?,
            span,
        })
    }
}

impl AggregatesTable {
    fn read(section: Section<'_>, common: Common, aggregates: &Entry<'_>) -> Option<Self> {
        let aggregates = filled(aggregates, Aggregate::read);
        let group_by = section.optional("group_by").map(|entry| columns_of(&entry));
        let window = section.optional("window").map(|entry| Window::read(&entry));
        let ownership = section.optional("ownership");
        let ownership =
            ownership.and_then(|entry| entry.choice(&[("partition", Ownership::Partition)], &["shared"]));
        only_with(&section, "mode", "columns");
        let span = section.span();
        section.finish();
        let Common { table, filter, tombstones } = common;
        Some(Self {
            table: table?,
            filter,
            group_by: group_by.map_or(Some(Vec::new()), |columns| columns)?,
            window: window.map_or(Some(None), |window| window.map(Some))?,
            ownership: ownership.unwrap_or_default(),
            tombstones,
            aggregates: aggregates?,
            span,
        })
    }
}

impl Mapping {
    fn read(entry: &Entry<'_>) -> Option<Self> {
        let column = entry.key_as(check::identifier);
        let expr = if entry.is_table() && !entry.has_any(&["env", "file"]) {
            let section = entry.section()?;
            section.unsupported("mask", "remove it: this version masks no values");
            let expr = section.required("expr").and_then(|entry| entry.string(check::filled));
            section.finish();
            expr
        } else {
            entry.string(check::filled)
        };
        Some(Self { column: column?, expr: expr? })
    }
}

fn columns_of(entry: &Entry<'_>) -> Option<Vec<Mapping>> {
    filled(entry, Mapping::read)
}

/// A table of columns that is not empty, each read by `read`.
fn filled<T>(entry: &Entry<'_>, read: fn(&Entry<'_>) -> Option<T>) -> Option<Vec<T>> {
    let entries = entry.section()?.entries();
    if entries.is_empty() {
        entry.wrong(Kind::Value, format!("`{}` is empty", entry.path()), "name at least one column");
        return None;
    }
    // All are read before any is missed, so that all mistakes are reported.
    let read: Vec<Option<T>> = entries.iter().map(read).collect();
    read.into_iter().collect()
}

/// A key that means nothing without `other`.
fn only_with(section: &Section<'_>, key: &'static str, other: &str) {
    if let Some(entry) = section.optional(key) {
        let message = format!("`{key}` has a meaning only in a table with `{other}`");
        let mistake = section.reader().mistake(Kind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(format!("remove `{key}`")));
    }
}
