//! A table with `aggregates`

use super::aggregate::Aggregate;
use super::mapping::{Mapping, columns_of, filled};
use super::table::{Common, IngestTransaction, Tombstones, only_with};
use super::window::Window;
use crate::error::Kind;
use crate::read::{Entry, Section};
use crate::{Keys, Located, Span};

/// The key column that an aggregate table of `ownership = "partition"` has besides its groups:
/// the Kafka partition, INT64.
pub const SOURCE_PARTITION: &str = "SourcePartition";

/// A table with one row for each group of records.
#[derive(Debug, Clone)]
pub struct AggregatesTable {
    /// The table that is written, `schema.table` for one of a named schema; see [`IngestTable::table`](crate::IngestTable::table).
    pub table: Located<str>,
    /// `where`: CEL expression; only records for which it is true.
    pub filter: Option<Located<str>>,
    /// The key columns that make the group, in file order; none when absent.
    pub group_by: Vec<Mapping>,
    /// Absent: one row for each group.
    pub window: Option<Window>,
    /// Who may write a row. Default: partition.
    pub ownership: Ownership,
    /// What a record without a value does; never [`Tombstones::Delete`]. Default: ignore.
    pub tombstones: Tombstones,
    /// The aggregate columns, in file order; at least one.
    pub aggregates: Vec<Aggregate>,
    /// The header.
    pub span: Span,
    /// Where its keys stand.
    pub keys: Keys,
}

/// Who may write a row of an aggregate table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ownership {
    /// The source partition alone, which is part of the row's key: [`SOURCE_PARTITION`].
    #[default]
    Partition,
    /// All partitions, each after it has read and locked the row.
    Shared,
}

impl AggregatesTable {
    /// What its commit does before it writes: it follows from the ownership.
    pub fn transaction(&self) -> IngestTransaction {
        self.ownership.transaction()
    }

    pub(super) fn read(section: Section<'_>, common: Common, aggregates: &Entry<'_>) -> Option<Self> {
        let aggregates = filled(aggregates, Aggregate::read);
        let group_by = section.optional("group_by").map(|entry| columns_of(&entry));
        let window = section.optional("window").map(|entry| Window::read(&entry));
        let ownership = section.optional("ownership").map(|entry| {
            entry.choice(&[("partition", Ownership::Partition), ("shared", Ownership::Shared)], &[])
        });
        if let Some(ownership) = ownership.unwrap_or(Some(Ownership::default())) {
            transaction(&section, ownership);
        } else {
            section.optional("transaction").and_then(|entry| entry.choice(&IngestTransaction::WORDS, &[]));
        }
        only_with(&section, &["mode", "delete_when", "version"], "columns");
        let Common { table, filter, tombstones } = common;
        if let Some((Tombstones::Delete, span)) = tombstones {
            let message = "`tombstones = \"delete\"` has a meaning only in a table with `columns`";
            let help =
                "a record cannot be taken out of an aggregate again: write \"ignore\" or \"dead-letter\"";
            section.reader().report(section.reader().mistake(Kind::Conflict, span, message).help(help));
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

/// `transaction` may repeat what follows from the ownership, and nothing else.
fn transaction(section: &Section<'_>, ownership: Ownership) {
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
        entry.wrong(Kind::Conflict, message, help);
    }
}
