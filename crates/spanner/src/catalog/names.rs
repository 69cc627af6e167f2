use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, Result};

/// The names of all user tables. Spanner's own schemas contain only views.
const GOOGLE: &str = "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES
WHERE TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_SCHEMA, TABLE_NAME";
const POSTGRES: &str = "SELECT CASE table_schema WHEN 'public' THEN '' ELSE table_schema END, table_name
FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY table_schema, table_name";

impl Database {
    /// Returns the names of all tables, `schema.table` in a named schema.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn table_names(&self) -> Result<Vec<String>> {
        let sql = self.in_dialect(GOOGLE, POSTGRES).await?;
        let rows = self.query(sql, &[], &[Type::String, Type::String]).await?;
        let unexpected = || Error::bug("tables", "INFORMATION_SCHEMA.TABLES returned an unexpected row");
        rows.into_iter().map(|row| of_row(row).ok_or_else(unexpected)).collect()
    }
}

/// Joins a row of schema and table into a name.
pub(super) fn of_row(row: Vec<Value>) -> Option<String> {
    match <[Value; 2]>::try_from(row) {
        Ok([Value::String(schema), Value::String(table)]) => Some(qualified(&schema, table)),
        _ => None,
    }
}

/// Prefixes a name with its schema, unless it is the default one.
pub(super) fn qualified(schema: &str, name: String) -> String {
    if schema.is_empty() { name } else { format!("{schema}.{name}") }
}

/// Quotes a name, or `schema.name`, for GoogleSQL: it may be a reserved word.
pub fn quoted(name: &str) -> String {
    quoted_with(name, '`')
}

/// Quotes a name, or `schema.name`, for PostgreSQL.
pub(crate) fn quoted_postgres(name: &str) -> String {
    quoted_with(name, '"')
}

fn quoted_with(name: &str, quote: char) -> String {
    let parts: Vec<String> = name.split('.').map(|part| format!("{quote}{part}{quote}")).collect();
    parts.join(".")
}
