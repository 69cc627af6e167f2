//! `[[ingest.table]]` with `aggregates`.

use super::aggregate::Aggregate;
use super::mapping::{Mapping, read_columns, read_nonempty};
use super::table_keys::{IngestTransaction, TableKeys, Tombstones, only_with};
use super::window::Window;
use crate::error::ErrorKind;
use crate::read::{Entry, Section};
use crate::{KeySpans, Located, Span};

/// The key column that an aggregate table with `ownership = "partition"` has besides its groups: the Kafka
/// partition, INT64.
pub const SOURCE_PARTITION: &str = "SourcePartition";

/// `[[ingest.table]]` with `aggregates`: a table with one row for each group of records.
#[derive(Debug, Clone)]
pub struct AggregatesTable {
    /// `table`: the table that is written, `schema.table` for a table of a named schema. For a version other
    /// than 1 it is the table of the version; see [`IngestTable::table`](crate::IngestTable::table).
    /// Required.
    pub table: Located<str>,
    /// `where`: a CEL expression that selects records. Default: all records.
    pub filter: Option<Located<str>>,
    /// `group_by`: the key columns that identify a group, in file order. Default: none, which makes one
    /// group.
    pub group_by: Vec<Mapping>,
    /// `window`: the windows that divide each group. Default: none, so each group has one row.
    pub window: Option<Window>,
    /// `ownership`: who may write a row. Default: `partition`.
    pub ownership: Ownership,
    /// `tombstones`: what a record without a value does; never [`Tombstones::Delete`]. Default: `ignore`.
    pub tombstones: Tombstones,
    /// `aggregates`: the aggregate columns, in file order. Required; at least one.
    pub aggregates: Vec<Aggregate>,
    /// The place of the header.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// `ownership`: the workers that may write a row of an aggregate table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ownership {
    /// Only the worker of the source partition, which is part of the key: [`SOURCE_PARTITION`]. The default.
    #[default]
    Partition,
    /// The workers of all partitions, after they have read and locked the row.
    Shared,
}

impl AggregatesTable {
    /// Returns how a commit accesses the table, which follows from the ownership.
    pub fn transaction(&self) -> IngestTransaction {
        self.ownership.transaction()
    }

    pub(super) fn read(section: Section<'_>, keys: TableKeys, aggregates: &Entry<'_>) -> Option<Self> {
        let aggregates = read_nonempty(aggregates, Aggregate::read);
        let group_by = section.optional("group_by").map(|entry| read_columns(&entry));
        let window = section.optional("window").map(|entry| Window::read(&entry));
        let ownership = section.optional("ownership").map(|entry| {
            entry.choice(&[("partition", Ownership::Partition), ("shared", Ownership::Shared)], &[])
        });
        if let Some(ownership) = ownership.unwrap_or(Some(Ownership::default())) {
            check_transaction(&section, ownership);
        } else {
            section.optional("transaction").and_then(|entry| entry.choice(&IngestTransaction::WORDS, &[]));
        }
        only_with(&section, &["mode", "delete_when", "version", "exclude"], "columns");
        let TableKeys { table, filter, tombstones } = keys;
        if let Some((Tombstones::Delete, span)) = tombstones {
            let message = "`tombstones = \"delete\"` has a meaning only in a table with `columns`";
            let help = "a record cannot be removed from an aggregate: write \"ignore\" or \"dead-letter\"";
            section.reader().report(section.reader().mistake(ErrorKind::Conflict, span, message).help(help));
        }
        let span = section.span();
        let keys = section.finish();
        Some(Self {
            table: table?,
            filter,
            group_by: group_by.map_or(Some(Vec::new()), |columns| columns)?,
            window: window.map_or(Some(None), |window| window.map(Some))?,
            ownership: ownership.flatten().unwrap_or_default(),
            tombstones: tombstones.map(|(tombstones, _)| tombstones).unwrap_or_default(),
            aggregates: aggregates?,
            span,
            keys,
        })
    }
}

impl Ownership {
    fn transaction(self) -> IngestTransaction {
        match self {
            Self::Partition => IngestTransaction::Blind,
            Self::Shared => IngestTransaction::ReadWrite,
        }
    }
}

/// Checks that `transaction` is the one that follows from the ownership.
fn check_transaction(section: &Section<'_>, ownership: Ownership) {
    let Some(entry) = section.optional("transaction") else { return };
    let given = entry.choice(&IngestTransaction::WORDS, &[]);
    if given.is_some_and(|given| given != ownership.transaction()) {
        let (message, help) = match ownership {
            Ownership::Shared => (
                "`transaction = \"blind\"` contradicts `ownership = \"shared\"`",
                "remove it: a row that all partitions write must be read and locked first",
            ),
            Ownership::Partition => (
                "`transaction = \"read-write\"` contradicts `ownership = \"partition\"`",
                "remove it: a row with one owner needs no lock; or write ownership = \"shared\"",
            ),
        };
        entry.report(ErrorKind::Conflict, message, help);
    }
}
