use std::collections::BTreeMap;

use spanbridge_protocol::value::{Timestamp, Value};

use super::overlay::{Changes, Left};
use crate::key::Key;
use crate::schema::{Schema, Table, TableId};
use crate::span::Span;
use crate::stream::RowChange;

/// One value a column, in the order of the columns.
pub(crate) type Row = Vec<Value>;

/// The rows of all tables, in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<BTreeMap<Key, Row>>);

impl Rows {
    /// Follows the schema: new tables, new columns.
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
        // An empty span is no range for the map.
        let until = (&span.until).max(&span.from);
        self.0[table].range(span.from.clone()..until.clone())
    }

    /// Makes the changes of a commit; nothing of them is refused any more. Answers the rows before and after it, when
    /// they are wanted.
    pub(crate) fn apply(
        &mut self,
        schema: &Schema,
        changes: Changes,
        at: Timestamp,
        wanted: bool,
    ) -> Vec<RowChange> {
        let mut told = Vec::new();
        for ((table, key), Left { row, written }) in changes.0 {
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

/// The columns that were added after the row.
fn fill(table: &Table, row: &mut Row) {
    let missing = table.columns.iter().skip(row.len());
    row.extend(missing.map(|column| column.default.clone().unwrap_or(Value::Null)).collect::<Vec<_>>());
}
