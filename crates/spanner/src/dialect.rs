//! The SQL dialect of a database.

/// The SQL dialect of a database.
/// Source: <https://cloud.google.com/spanner/docs/reference/postgresql/overview>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// GoogleSQL.
    GoogleSql,
    /// PostgreSQL.
    PostgreSql,
}
