//! The rows as a running commit sees them.

use std::collections::BTreeSet;

use prost_types::value::Kind;
use spanbridge_protocol::value::Value;

use super::changes::Changes;
use super::plan::{Operated, Plan, RowWrite, Write};
use super::row::Row;
use super::rows::Rows;
use crate::cell;
use crate::key::Key;
use crate::refusal::{Error, Result};
use crate::schema::{OnDelete, Schema, TableId};
use crate::span::Span;

/// The rows as a running commit sees them: its changes over the stored rows.
pub(crate) struct Overlay<'a> {
    schema: &'a Schema,
    rows: &'a Rows,
    changes: Changes,
    /// The keys that the commit has deleted so far, whether the rows existed or not.
    deleted: Vec<(TableId, &'a Span)>,
}

impl<'a> Overlay<'a> {
    /// Applies the mutations in order, each to the result of those before.
    ///
    /// # Errors
    /// The error of the first rejected mutation.
    /// Source: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#mutation>.
    pub(crate) fn evaluate(schema: &'a Schema, rows: &'a Rows, plan: &'a Plan) -> Result<Changes> {
        let mut overlay = Self { schema, rows, changes: Changes::default(), deleted: Vec::new() };
        for operation in &plan.operations {
            match operation {
                Operated::Write(write) => overlay.write(write)?,
                Operated::Delete { table, spans } => {
                    for span in spans {
                        overlay.delete(*table, span)?;
                        overlay.deleted.push((*table, span));
                    }
                }
            }
        }
        Ok(overlay.changes)
    }

    fn write(&mut self, write: &RowWrite) -> Result<()> {
        let RowWrite { table, key, cells, .. } = write;
        let found = self.get(table.id, key).cloned();
        let is_new = found.is_none() || write.write == Write::Replace;
        let mut row = match (write.write, found) {
            (Write::Insert, Some(_)) => {
                let (row, table) = (shown(write), table.full_name());
                return Err(Error::exists(format!("Row {row} in table {table} already exists")));
            }
            (Write::Update, None) => {
                let (row, table) = (shown(write), table.full_name());
                if self.was_deleted(write) {
                    let message =
                        format!("Row {row} in table {table} was deleted before in this transaction.");
                    return Err(Error::invalid(message));
                }
                let message = format!("Row {row} in table {table} is missing. Row cannot be updated.");
                return Err(Error::not_found(message));
            }
            (Write::Update | Write::InsertOrUpdate, Some(row)) => row,
            (Write::Replace, Some(_)) => {
                self.delete(table.id, &Span::prefix(key.clone()))?;
                self.new_row(write)?
            }
            (Write::Insert | Write::InsertOrUpdate | Write::Replace, None) => self.new_row(write)?,
        };
        let left = self.changes.0.entry((table.id, key.clone())).or_default();
        if is_new {
            left.written.extend(0..row.len());
        }
        for (column, value) in cells {
            row[*column].clone_from(value);
            left.written.insert(*column);
        }
        left.row = Some(row);
        Ok(())
    }

    /// Returns a row of defaults, if the table allows one.
    fn new_row(&self, write: &RowWrite) -> Result<Row> {
        let table = &write.table;
        if let Some(parent) = table.parent
            && self.get(parent.table, &write.parent).is_none()
        {
            let (row, table) = (shown(write), table.full_name());
            let message =
                format!("Parent row for row {row} in table {table} is missing. Row cannot be written.");
            return Err(Error::not_found(message));
        }
        let defaults = table.columns.iter().map(|column| column.default.clone().unwrap_or(Value::Null));
        Ok(defaults.collect())
    }

    /// Deletes the rows that exist, and the rows interleaved below them.
    fn delete(&mut self, table: TableId, span: &Span) -> Result<()> {
        for key in self.keys(table, span) {
            let below = Span::prefix(key.clone());
            let children: Vec<(TableId, OnDelete)> =
                self.schema.children(table).map(|(child, on_delete)| (child.id, on_delete)).collect();
            for (child, on_delete) in children {
                match on_delete {
                    OnDelete::Cascade => self.delete(child, &below)?,
                    OnDelete::NoAction if self.keys(child, &below).is_empty() => {}
                    OnDelete::NoAction => {
                        let (table, child) = (self.schema.table_of(table), self.schema.table_of(child));
                        return Err(Error::precondition(format!(
                            "Integrity constraint violation when deleting a row of table {}: table {} has child \
                             rows of it",
                            table.full_name(),
                            child.full_name()
                        )));
                    }
                }
            }
            self.changes.0.entry((table, key)).or_default().row = None;
        }
        Ok(())
    }

    /// True if the commit itself deletes the row: the emulator rejects an update of it with another error than an update of a
    /// missing row.
    fn was_deleted(&self, write: &RowWrite) -> bool {
        let id = write.table.id;
        let named = self.deleted.iter().any(|(table, span)| *table == id && span.from == write.key);
        named || self.changes.0.contains_key(&(id, write.key.clone()))
    }

    fn get(&self, table: TableId, key: &Key) -> Option<&Row> {
        match self.changes.0.get(&(table, key.clone())) {
            Some(changed) => changed.row.as_ref(),
            None => self.rows.get(table, key),
        }
    }

    /// Returns the keys of the existing rows.
    fn keys(&self, table: TableId, span: &Span) -> Vec<Key> {
        if span.is_empty() {
            return Vec::new();
        }
        let mut keys: BTreeSet<Key> = self.rows.range(table, span).map(|(key, _)| key.clone()).collect();
        for ((_, key), left) in self.changes.0.range((table, span.from.clone())..(table, span.until.clone()))
        {
            match left.row {
                Some(_) => keys.insert(key.clone()),
                None => keys.remove(key),
            };
        }
        keys.into_iter().collect()
    }
}

/// Formats a key as in Spanner's errors: `[a,1]`.
fn shown(write: &RowWrite) -> String {
    let parts = write.table.key.iter().map(|part| {
        let value = write.cells.iter().find(|(column, _)| *column == part.column);
        match value.and_then(|(_, value)| cell::emit(value).kind) {
            Some(Kind::StringValue(text)) => text,
            Some(Kind::BoolValue(value)) => value.to_string(),
            Some(Kind::NumberValue(value)) => value.to_string(),
            _ => "NULL".to_owned(),
        }
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(","))
}
