//! The schema of a table's keys and rows, derived from its columns.
//!
//! - A NOT NULL column of the primary key is required.
//! - Another NOT NULL column is required if every row is full; otherwise it is optional, because a delete or a partial
//!   update lacks it. Debezium never requires it.
//! - The records are named `{table}.Key`, `{table}.Value` and `{table}.Before`. Characters that are invalid in an Avro
//!   name become `_`.
//!
//! `docs/reference/publish.md` lists the type of each column in each format. Publish and the tests call this module.

use std::collections::HashMap;
use std::sync::Arc;

use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Type, Value};

use crate::definition::{FieldDefinition, FieldKind, FieldValue, RecordDefinition, TypeMapping, name};
use crate::{Error, ErrorKind, Result};

/// The definition of a record of a table's columns.
#[derive(Debug, Clone)]
pub struct RowSchema {
    record: Arc<RecordDefinition>,
    columns: Vec<RowColumn>,
}

/// One column of a [`RowSchema`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowColumn {
    /// The name of the column in Spanner.
    pub column: String,
    /// The name of the field.
    pub field: String,
    /// The type of the column.
    pub ty: Type,
    /// True if the field may be null.
    pub optional: bool,
}

/// The columns of a row that a record contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowImage {
    /// All columns.
    Full,
    /// The primary key and the changed columns.
    Partial,
    /// The primary key and the changed columns of the row before the change, in a separate record type.
    Before,
}

impl RowSchema {
    /// The schema of a table's record keys, `{table}.Key`: the columns of the primary key in key order.
    ///
    /// # Errors
    /// [`ErrorKind::Underivable`] if the table has no primary key, or if two of its columns get the same field name.
    pub fn of_key(table: &Table, mapping: TypeMapping) -> Result<Self> {
        let columns = table.key();
        if columns.is_empty() {
            return Err(underivable(table, "it has no primary key for the keys of its records"));
        }
        Self::of_columns(table, "Key", &columns, mapping, RowImage::Partial)
    }

    /// The schema of a table's rows, `{table}.Value` or `{table}.Before`: all columns in the order of the table.
    ///
    /// # Errors
    /// [`ErrorKind::Underivable`] if two columns get the same field name.
    pub fn of_row(table: &Table, mapping: TypeMapping, image: RowImage) -> Result<Self> {
        let suffix = match image {
            RowImage::Full | RowImage::Partial => "Value",
            RowImage::Before => "Before",
        };
        Self::of_columns(table, suffix, &table.columns.iter().collect::<Vec<_>>(), mapping, image)
    }

    fn of_columns(
        table: &Table,
        suffix: &str,
        columns: &[&Column],
        mapping: TypeMapping,
        image: RowImage,
    ) -> Result<Self> {
        let mut seen = HashMap::new();
        let (mut fields, mut row_columns) = (Vec::new(), Vec::new());
        for column in columns {
            let field = name::simple_name(&column.name);
            if let Some(other) = seen.insert(field.clone(), &column.name) {
                let what = format!(
                    "its columns {other} and {} both become the field {field}; rename one",
                    column.name
                );
                return Err(underivable(table, &what));
            }
            let is_always_known = column.key_ordinal.is_some() || image == RowImage::Full;
            let optional = column.nullable || !is_always_known;
            let kind = FieldKind::Value(column.ty.clone(), mapping);
            fields.push(match optional {
                true => FieldDefinition::optional(&field, kind),
                false => FieldDefinition::required(&field, kind),
            });
            row_columns.push(RowColumn {
                column: column.name.clone(),
                field,
                ty: column.ty.clone(),
                optional,
            });
        }
        let record = RecordDefinition::new(&format!("{}.{suffix}", table.name), None, fields);
        Ok(Self { record: Arc::new(record), columns: row_columns })
    }

    /// The definition of the record.
    pub fn record(&self) -> &Arc<RecordDefinition> {
        &self.record
    }

    /// The columns in the order of the record's fields.
    pub fn columns(&self) -> &[RowColumn] {
        &self.columns
    }

    /// The record of one row or key. `value_of` returns the value of a column; `None` becomes null.
    pub fn record_value(&self, mut value_of: impl FnMut(&str) -> Option<Value>) -> FieldValue {
        let fields = self
            .columns
            .iter()
            .map(|column| FieldValue::Value(value_of(&column.column).unwrap_or(Value::Null)));
        FieldValue::Record(fields.collect())
    }
}

/// The error of a table without a schema.
fn underivable(table: &Table, why: &str) -> Error {
    Error::new(ErrorKind::Underivable, format!("no schema can be derived from table {}: {why}", table.name))
}

#[cfg(test)]
mod tests;
