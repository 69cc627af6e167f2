//! The validated mutations of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::mutation::{self, Operation};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{KeySet, Mutation};
use prost_types::ListValue;
use spanbridge_protocol::value::Value;

use super::footprint::Footprint;
use super::key_set::key_set;
use crate::cell;
use crate::key::{self, Key};
use crate::refusal::{Error, Result};
use crate::schema::{Schema, Table, TableId};
use crate::span::Span;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Insert,
    Update,
    InsertOrUpdate,
    Replace,
}

#[derive(Debug)]
pub(super) enum Operated {
    Write(RowWrite),
    Delete { table: TableId, spans: Vec<Span> },
}

#[derive(Debug)]
pub(super) struct RowWrite {
    pub(super) write: Write,
    pub(super) table: Arc<Table>,
    pub(super) key: Key,
    /// The key of the parent row; empty without a parent.
    pub(super) parent: Key,
    /// The indexes of the columns, with their values.
    pub(super) cells: Vec<(usize, Value)>,
}

/// The validated mutations of a commit, in order, with their count and size.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) operations: Vec<Operated>,
    pub(crate) footprint: Footprint,
    /// The mutation count: each column of a written row is one, each key or range of a delete is one.
    /// Source: <https://cloud.google.com/spanner/quotas#note2>.
    pub(crate) mutations: usize,
    /// The size of all values.
    /// Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/data-types#storage_size_for_data_types>.
    pub(crate) bytes: usize,
}

impl Plan {
    /// # Errors
    /// Errors that need no look at the rows: names, types, lengths, NULLs.
    pub(crate) fn new(schema: &Schema, mutations: &[Mutation]) -> Result<Self> {
        let mut plan = Planner::default();
        for mutation in mutations {
            match mutation.operation.as_ref() {
                Some(Operation::Insert(rows)) => plan.write(schema, Write::Insert, rows)?,
                Some(Operation::Update(rows)) => plan.write(schema, Write::Update, rows)?,
                Some(Operation::InsertOrUpdate(rows)) => plan.write(schema, Write::InsertOrUpdate, rows)?,
                Some(Operation::Replace(rows)) => plan.write(schema, Write::Replace, rows)?,
                Some(Operation::Delete(delete)) => {
                    plan.delete(schema, &delete.table, delete.key_set.as_ref())?;
                }
                Some(Operation::Send(_) | Operation::Ack(_)) => return Err(Error::unimplemented("queues")),
                None => return Err(Error::invalid("A mutation must have an operation.")),
            }
        }
        Ok(plan.plan())
    }
}

/// The builder of a plan.
#[derive(Default)]
struct Planner {
    plan: Plan,
    reads: BTreeMap<TableId, Vec<Span>>,
    writes: BTreeMap<TableId, Vec<Span>>,
}

impl Planner {
    fn plan(self) -> Plan {
        Plan { footprint: Footprint::new(self.reads, self.writes), ..self.plan }
    }

    fn write(&mut self, schema: &Schema, write: Write, rows: &mutation::Write) -> Result<()> {
        let table = schema.get(&rows.table)?;
        let mut columns = Vec::with_capacity(rows.columns.len());
        for name in &rows.columns {
            let unknown =
                || Error::not_found(format!("Column not found in table {}: {name}", table.full_name()));
            let column = table.column(name).ok_or_else(unknown)?;
            if columns.contains(&column) {
                return Err(Error::invalid(format!("Multiple values for column {name}.")));
            }
            columns.push(column);
        }
        if write != Write::Update {
            complete(table, &columns)?;
        }
        for values in &rows.values {
            let cells = cells(table, &columns, values)?;
            self.plan.bytes += cells.iter().map(|(_, value)| size(value)).sum::<usize>();
            self.plan.mutations += cells.len();
            let (key, parent) = row_key(table, &cells)?;
            self.claim(schema, write, table, &key, &parent);
            let table = table.clone();
            self.plan.operations.push(Operated::Write(RowWrite { write, table, key, parent, cells }));
        }
        Ok(())
    }

    /// Claims a row: an insert also reads its parent, and a replace may delete its children.
    fn claim(&mut self, schema: &Schema, write: Write, table: &Table, key: &Key, parent: &Key) {
        let row = Span::prefix(key.clone());
        if let Some(above) = table.parent
            && write != Write::Update
        {
            self.reads.entry(above.table).or_default().push(Span::prefix(parent.clone()));
        }
        if write == Write::Replace {
            self.claim_below(schema, table.id, std::slice::from_ref(&row));
        }
        self.writes.entry(table.id).or_default().push(row);
    }

    fn delete(&mut self, schema: &Schema, table: &str, set: Option<&KeySet>) -> Result<()> {
        let table = schema.get(table)?;
        let spans = key_set(table, set)?;
        self.plan.mutations += spans.len();
        self.plan.bytes += spans.iter().map(|span| span.from.len()).sum::<usize>();
        self.writes.entry(table.id).or_default().extend(spans.iter().cloned());
        self.claim_below(schema, table.id, &spans);
        self.plan.operations.push(Operated::Delete { table: table.id, spans });
        Ok(())
    }

    /// Claims the rows interleaved below these keys: they are deleted too, or prevent the delete.
    fn claim_below(&mut self, schema: &Schema, table: TableId, spans: &[Span]) {
        for (child, _) in schema.children(table) {
            self.writes.entry(child.id).or_default().extend(spans.iter().cloned());
            self.claim_below(schema, child.id, spans);
        }
    }
}

/// Checks that a write gives all required columns of a new row. `insert_or_update` must give them even for an existing row.
/// Source: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#mutation>.
fn complete(table: &Table, given: &[usize]) -> Result<()> {
    for (place, column) in table.columns.iter().enumerate() {
        if !given.contains(&place) && !column.nullable && column.default.is_none() {
            let (column, table) = (&column.name, table.full_name());
            return Err(Error::precondition(format!(
                "A new row in table {table} does not specify a non-null value for NOT NULL column: {column}"
            )));
        }
    }
    Ok(())
}

fn cells(table: &Table, columns: &[usize], values: &ListValue) -> Result<Vec<(usize, Value)>> {
    if values.values.len() != columns.len() {
        let (columns, values) = (columns.len(), values.values.len());
        return Err(Error::invalid(format!("Expected {columns} values in a row, but found {values}.")));
    }
    let mut cells = Vec::with_capacity(columns.len());
    for (&place, wire) in columns.iter().zip(&values.values) {
        let column = &table.columns[place];
        let value = cell::accept(table, column, wire)?;
        let name = || format!("{}.{}", table.full_name(), column.name);
        match &value {
            Value::Null if !column.nullable => {
                return Err(Error::precondition(format!(
                    "Cannot specify a null value for column: {} in table: {}",
                    name(),
                    table.full_name()
                )));
            }
            Value::CommitTimestamp if !column.commit_timestamp => {
                return Err(Error::precondition(format!(
                    "Cannot write commit timestamp because the allow_commit_timestamp column option is not \
                     set to true for column {}.",
                    name()
                )));
            }
            Value::CommitTimestamp if table.key_ordinal(place).is_some() => {
                return Err(Error::unimplemented("the commit timestamp in a key"));
            }
            Value::Timestamp(time) if column.commit_timestamp && *time > Utc::now() => {
                return Err(Error::precondition(format!(
                    "Cannot write timestamps in the future to column {}.",
                    name()
                )));
            }
            _ => {}
        }
        cells.push((place, value));
    }
    Ok(cells)
}

/// Returns the key of a row, and the key of its parent.
fn row_key(table: &Table, cells: &[(usize, Value)]) -> Result<(Key, Key)> {
    let parent_parts = table.parent.map_or(0, |parent| parent.key_parts);
    let (mut key, mut parent) = (Key::new(), Key::new());
    for (ordinal, part) in table.key.iter().enumerate() {
        if ordinal == parent_parts {
            parent.clone_from(&key);
        }
        let given = cells.iter().find(|(column, _)| *column == part.column).map(|(_, value)| value);
        let column = &table.columns[part.column];
        let value = match given.or(column.default.as_ref()) {
            Some(value) => value,
            None if column.nullable => &Value::Null,
            None => {
                let (column, table) = (&column.name, table.full_name());
                let message = format!("A value for key column {column} of table {table} is missing.");
                return Err(Error::precondition(message));
            }
        };
        key::push(&mut key, value, part.descending);
    }
    if parent_parts == table.key.len() {
        parent.clone_from(&key);
    }
    Ok((key, parent))
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Date(_) => 4,
        Value::Int64(_) | Value::Float64(_) => 8,
        Value::Timestamp(_) | Value::CommitTimestamp => 12,
        Value::Numeric(_) => 22,
        Value::String(text) | Value::Json(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(size).sum(),
    }
}
