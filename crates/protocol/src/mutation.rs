//! What one commit writes.

use std::sync::Arc;

use crate::value::Value;

/// How rows are written; Spanner's mutation kinds
/// (<https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#mutation>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Write {
    /// Fails with ALREADY_EXISTS when the row exists.
    Insert,
    /// Fails with NOT_FOUND when the row does not exist.
    Update,
    /// Inserts the row, or updates the named columns.
    Upsert,
    /// Deletes the rows of these keys; absent rows are no error. `columns` are those of the key.
    Delete,
}

/// One mutation: rows of one table, written alike. Mutations of a commit apply in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    pub write: Write,
    pub table: Arc<str>,
    pub columns: Arc<[String]>,
    /// One value per column; for [`Write::Delete`], the key's values.
    pub rows: Vec<Vec<Value>>,
}
