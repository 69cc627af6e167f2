//! The stored rows.

use std::collections::BTreeMap;

use spanbridge_protocol::value::{Timestamp, Value};

use super::changes::{Changes, RowState};
use super::row::Row;
use crate::key::Key;
use crate::schema::{Schema, Table, TableId};
use crate::span::Span;
use crate::stream::RowChange;

/// The rows of all tables, in key order.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<BTreeMap<Key, Row>>);

impl Rows {
    /// Adds the tables and columns that are new in the schema.
    pub(crate) fn fit(&mut self, schema: &Schema) {
        self.0.resize_with(schema.tables().len(), BTreeMap::new);
        for (rows, table) in self.0.iter_mut().zip(schema.tables()) {
            rows.values_mut().for_each(|row| fill(table, row));
        }
    }

    pub(crate) fn get(&self, table: TableId, key: &Key) -> Option<&Row> {
        self.0[table].get(key)
    }

    pub(crate) fn range(&self, table: TableId, span: &Span) -> impl Iterator<Item = (&Key, &Row)> {
        // `BTreeMap::range` panics on an empty span.
        let until = (&span.until).max(&span.from);
        self.0[table].range(span.from.clone()..until.clone())
    }

    /// Applies the changes of a commit, which have been validated. Returns the rows before and after it on request.
    pub(crate) fn apply(
        &mut self,
        schema: &Schema,
        changes: Changes,
        at: Timestamp,
        wanted: bool,
    ) -> Vec<RowChange> {
        let mut told = Vec::new();
        for ((table, key), RowState { row, written }) in changes.0 {
            let before = wanted.then(|| (key.clone(), self.0[table].get(&key).cloned()));
            match row {
                Some(mut row) => {
                    for value in &mut row {
                        if *value == Value::CommitTimestamp {
                            *value = Value::Timestamp(at);
                        }
                    }
                    fill(schema.table_of(table), &mut row);
                    self.0[table].insert(key, row);
                }
                None => {
                    self.0[table].remove(&key);
                }
            }
            if let Some((key, old)) = before {
                let new = self.0[table].get(&key).cloned();
                told.push(RowChange { table: schema.table_of(table).clone(), key, old, new, written });
            }
        }
        told
    }
}

/// Appends the columns that were added after the row was written.
fn fill(table: &Table, row: &mut Row) {
    let missing = table.columns.iter().skip(row.len());
    row.extend(missing.map(|column| column.default.clone().unwrap_or(Value::Null)).collect::<Vec<_>>());
}
