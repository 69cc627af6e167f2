//! Records of a Spanner table: its key and its rows.
//!
//! A key column that is NOT NULL is required. Of the others a NOT NULL one is required where rows are whole;
//! elsewhere every one is optional, so that a delete or a partial change has room. Debezium never requires it.
//! What each type becomes in each format stands in docs/reference/publish.md.
//!
//! Names of records are `{table}.Key`, `{table}.Value` and `{table}.Before`, what Avro forbids replaced by `_`.

use std::collections::HashMap;
use std::sync::Arc;

use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;

use crate::definition::{Field, Node, Record, Style};
use crate::{Error, Kind, Result, name};

/// A record of a table's columns.
#[derive(Debug, Clone)]
pub struct RowSchema {
    record: Arc<Record>,
    columns: Vec<RowColumn>,
}

/// One column of a [`RowSchema`], in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowColumn {
    /// The column's name in Spanner.
    pub column: String,
    /// The field's name.
    pub field: String,
    pub ty: Type,
    /// May be null.
    pub optional: bool,
}

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every column.
    Whole,
    /// The key, and what has changed.
    Partial,
    /// The same of the row before the change, where that differs from the row after it.
    Before,
}

impl RowSchema {
    /// The record.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Its columns, in the order of its fields.
    pub fn columns(&self) -> &[RowColumn] {
        &self.columns
    }
}

/// The record key, `{table}.Key`: the primary key's columns in key order.
///
/// Fails with [`Kind::Underivable`] for a table without a key.
pub fn key(table: &Table, style: Style) -> Result<RowSchema> {
    let columns = table.key();
    if columns.is_empty() {
        return Err(underivable(table, "it has no primary key to key its records with"));
    }
    of_columns(table, "Key", &columns, style, Extent::Partial)
}

/// A row: all columns in table order.
///
/// Fails with [`Kind::Underivable`] when two columns have the same name there.
pub fn row(table: &Table, style: Style, extent: Extent) -> Result<RowSchema> {
    let suffix = match extent {
        Extent::Whole | Extent::Partial => "Value",
        Extent::Before => "Before",
    };
    of_columns(table, suffix, &table.columns.iter().collect::<Vec<_>>(), style, extent)
}

fn of_columns(
    table: &Table,
    suffix: &str,
    columns: &[&Column],
    style: Style,
    extent: Extent,
) -> Result<RowSchema> {
    let mut seen = HashMap::new();
    let (mut fields, mut row_columns) = (Vec::new(), Vec::new());
    for column in columns {
        let field = name::part(&column.name);
        if let Some(other) = seen.insert(field.clone(), &column.name) {
            let what = format!("its columns {other} and {} are both {field} there; rename one", column.name);
            return Err(underivable(table, &what));
        }
        let known = column.key_ordinal.is_some() || extent == Extent::Whole;
        let optional = column.nullable || !known;
        let node = Node::Value(column.ty.clone(), style);
        fields.push(match optional {
            true => Field::optional(&field, node),
            false => Field::required(&field, node),
        });
        row_columns.push(RowColumn { column: column.name.clone(), field, ty: column.ty.clone(), optional });
    }
    let record = Record::new(&format!("{}.{suffix}", table.name), None, fields);
    Ok(RowSchema { record: Arc::new(record), columns: row_columns })
}

fn underivable(table: &Table, why: &str) -> Error {
    Error::new(Kind::Underivable, format!("no schema can be derived from table {}: {why}", table.name))
}

#[cfg(test)]
mod tests;
