//! The mutations of a commit.

use std::sync::Arc;

use crate::value::Value;

/// The kind of a mutation, as in Spanner's API.
///
/// Source: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#mutation>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// Inserts rows. Fails with `ALREADY_EXISTS` if a row exists.
    Insert,
    /// Updates rows. Fails with `NOT_FOUND` if a row does not exist.
    Update,
    /// Inserts rows, or updates the named columns of existing ones.
    Upsert,
    /// Deletes the rows of these keys. Absent rows are no error.
    Delete,
}

/// Rows of one table that are written in the same way. The mutations of a commit apply in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The kind of the mutation.
    pub write: Write,
    /// The table's name.
    pub table: Arc<str>,
    /// The columns of the values; for [`Write::Delete`], the columns of the primary key.
    pub columns: Arc<[String]>,
    /// The rows, with one value for each column.
    pub rows: Vec<Vec<Value>>,
}
