//! The description of a Spanner table.

use crate::value::Type;

/// A table, as `INFORMATION_SCHEMA` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name in SQL: `schema.name`, or only the name in the default schema.
    pub name: String,
    /// All columns, in ordinal order.
    pub columns: Vec<Column>,
    /// The table in which this one is interleaved.
    pub parent: Option<Parent>,
}

/// The parent table of an interleaved table, by `INTERLEAVE IN PARENT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// The name, as in [`Table::name`].
    pub table: String,
    /// The effect on the interleaved rows when their parent is deleted.
    pub on_delete: OnDelete,
}

/// The effect on a row when its parent is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The deletion of the parent fails.
    NoAction,
    /// The row is deleted too.
    Cascade,
}

/// The constraints between the rows of a database by which the order of two writes decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The pairs of tables of which a delete in one concerns rows of the other.
    pub cascades: Vec<Cascade>,
    /// The unique indexes.
    pub unique_indexes: Vec<UniqueKey>,
}

/// Two tables of which a delete in `parent` concerns rows of `child`: interleaved tables with ON DELETE CASCADE, and foreign
/// keys. Without CASCADE, a foreign key makes the delete fail while such a row exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cascade {
    /// The name of the table with the deletes, as in [`Table::name`].
    pub parent: String,
    /// The name of the table whose rows are concerned.
    pub child: String,
    /// True for interleaved tables, whose keys begin with the key of their parent. False for a foreign key.
    pub interleaved: bool,
}

/// A unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The name of the table, as in [`Table::name`].
    pub table: String,
    /// The key columns of the index.
    pub columns: Vec<String>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// The type.
    pub ty: Type,
    /// The declared length of STRING in characters and of BYTES in bytes, also for the items of an array.
    /// `None` for MAX and for other types.
    pub length: Option<u64>,
    /// True if the column may be null.
    pub nullable: bool,
    /// True if the column is generated, so that it cannot be written.
    pub generated: bool,
    /// True if the column has a default, so that an insert may omit it.
    pub has_default: bool,
    /// True if the column has the option `allow_commit_timestamp = true`.
    pub commit_timestamp: bool,
    /// The index in the primary key, from 0; `None` if the column is not part of it.
    pub key_ordinal: Option<usize>,
    /// True if the primary key sorts the column in descending order.
    pub key_descending: bool,
}

impl Table {
    /// Returns the column of this name. Spanner compares names without case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Returns the columns of the primary key, in key order.
    pub fn key(&self) -> Vec<&Column> {
        let mut key: Vec<&Column> = self.columns.iter().filter(|c| c.key_ordinal.is_some()).collect();
        key.sort_by_key(|column| column.key_ordinal);
        key
    }
}
