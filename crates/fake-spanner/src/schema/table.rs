//! The definition of a table.

use spanbridge_protocol::value::{Type, Value};

/// The index of a table in its schema.
pub(crate) type TableId = usize;

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    /// The named schema; empty for the default one.
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<KeyPart>,
    pub(crate) parent: Option<Parent>,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The type as in `INFORMATION_SCHEMA`, such as `STRING(64)`.
    pub(crate) spanner_type: String,
    /// The greatest number of characters (STRING) or bytes (BYTES) of a value, or of each item of an array.
    pub(crate) limit: Option<usize>,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) commit_timestamp: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyPart {
    /// The index of the column in its table.
    pub(crate) column: usize,
    pub(crate) descending: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) table: TableId,
    /// The number of key columns that belong to the parent.
    pub(crate) key_parts: usize,
    pub(crate) on_delete: OnDelete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    NoAction,
    Cascade,
}

impl Table {
    /// Returns the name; `schema.name` in a named schema.
    pub(crate) fn full_name(&self) -> String {
        if self.schema.is_empty() { self.name.clone() } else { format!("{}.{}", self.schema, self.name) }
    }

    /// Returns the index of the column of this name, compared without case.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Returns the index of this column in the key, from 0.
    pub(crate) fn key_ordinal(&self, column: usize) -> Option<usize> {
        self.key.iter().position(|part| part.column == column)
    }
}

impl Column {
    /// True if a column of this type may be part of a key.
    /// Source: <https://cloud.google.com/spanner/docs/reference/standard-sql/data-types#groupable_data_types>.
    pub(crate) fn is_key_type(&self) -> bool {
        !matches!(self.ty, Type::Json | Type::Array(_))
    }
}
