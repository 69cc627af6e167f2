//! The rows that a commit changes.

use std::collections::{BTreeMap, BTreeSet};

use super::row::Row;
use crate::commit::TableRows;
use crate::key::Key;
use crate::schema::{Schema, TableId};

/// The rows that a commit changes.
#[derive(Debug, Default)]
pub(crate) struct Changes(pub(super) BTreeMap<(TableId, Key), RowState>);

/// The state of a row after a commit.
#[derive(Debug, Default)]
pub(super) struct RowState {
    /// The row; `None` if it is deleted.
    pub(super) row: Option<Row>,
    /// The columns that were written.
    pub(super) written: BTreeSet<usize>,
}

impl Changes {
    /// The number of rows of each table.
    pub(crate) fn tables(&self, schema: &Schema) -> Vec<TableRows> {
        let mut tables: BTreeMap<TableId, TableRows> = BTreeMap::new();
        for ((table, _), RowState { row, .. }) in &self.0 {
            let name = || TableRows { table: schema.table_of(*table).full_name(), written: 0, deleted: 0 };
            let rows = tables.entry(*table).or_insert_with(name);
            match row {
                Some(_) => rows.written += 1,
                None => rows.deleted += 1,
            }
        }
        tables.into_values().collect()
    }
}
