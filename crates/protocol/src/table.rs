//! A Spanner table as the bridge sees it: columns in the order of the table.

use crate::value::Type;

/// One table, read from INFORMATION_SCHEMA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name as SQL has it; with its schema, `schema.name`, unless that is the default one.
    pub name: String,
    /// All columns, in ordinal order.
    pub columns: Vec<Column>,
    /// The table that this one is interleaved in.
    pub parent: Option<Parent>,
}

/// The table that another one is interleaved in, `INTERLEAVE IN PARENT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its name, as [`Table::name`].
    pub table: String,
    pub on_delete: OnDelete,
}

/// What becomes of a row when its parent is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// Deleting the parent fails.
    NoAction,
    /// It is deleted too.
    Cascade,
}

/// One column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    /// The declared length of a STRING in characters, of BYTES in bytes, also of an array's items; nothing
    /// for MAX and for other types.
    pub length: Option<u64>,
    /// False for NOT NULL.
    pub nullable: bool,
    /// A generated column, which cannot be written.
    pub generated: bool,
    /// It has a default, so that an insert may leave it out.
    pub has_default: bool,
    /// `allow_commit_timestamp = true`.
    pub commit_timestamp: bool,
    /// Its place in the primary key, from 0.
    pub key_ordinal: Option<usize>,
    /// Its values are in descending order in the primary key.
    pub key_descending: bool,
}

impl Table {
    /// The column of that name; Spanner's names are compared without case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The columns of the primary key, in key order.
    pub fn key(&self) -> Vec<&Column> {
        let mut key: Vec<&Column> = self.columns.iter().filter(|c| c.key_ordinal.is_some()).collect();
        key.sort_by_key(|column| column.key_ordinal);
        key
    }
}
