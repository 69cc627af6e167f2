use spanbridge_protocol::table::{Cascade, Constraints, UniqueKey};
use spanbridge_protocol::value::{Type, Value};

use super::names::qualified;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// The interleaved tables with ON DELETE CASCADE, in both dialects.
const INTERLEAVED: &str = "
SELECT t.table_schema, t.parent_table_name, t.table_schema, t.table_name
FROM information_schema.tables AS t
WHERE t.on_delete_action = 'CASCADE' AND t.parent_table_name IS NOT NULL";

/// The foreign keys, in both dialects. The emulator reports the action NO ACTION for all of them.
const FOREIGN_KEYS: &str = "
SELECT p.table_schema, p.table_name, c.table_schema, c.table_name
FROM information_schema.table_constraints AS c
JOIN information_schema.constraint_table_usage AS p
  ON p.constraint_schema = c.constraint_schema AND p.constraint_name = c.constraint_name
WHERE c.constraint_type = 'FOREIGN KEY'";

/// The key columns of all unique indexes.
const UNIQUE: &str = "
SELECT i.table_schema, i.table_name, i.index_name, c.column_name
FROM information_schema.indexes AS i
JOIN information_schema.index_columns AS c
  ON c.table_schema = i.table_schema AND c.table_name = i.table_name AND c.index_name = i.index_name
WHERE i.is_unique AND i.index_type = 'INDEX' AND c.ordinal_position IS NOT NULL
ORDER BY i.table_schema, i.table_name, i.index_name, c.ordinal_position";

/// [`UNIQUE`] in the PostgreSQL dialect, whose flags are texts.
const POSTGRES_UNIQUE: &str = "
SELECT i.table_schema, i.table_name, i.index_name, c.column_name
FROM information_schema.indexes AS i
JOIN information_schema.index_columns AS c
  ON c.table_schema = i.table_schema AND c.table_name = i.table_name AND c.index_name = i.index_name
WHERE i.is_unique = 'YES' AND i.index_type = 'INDEX' AND c.ordinal_position IS NOT NULL
ORDER BY i.table_schema, i.table_name, i.index_name, c.ordinal_position";

impl Database {
    /// Returns the constraints of all tables by which the order of two writes decides.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn constraints(&self) -> Result<Constraints> {
        let dialect = self.dialect().await?;
        let mut cascades = Vec::new();
        for (sql, interleaved) in [(INTERLEAVED, true), (FOREIGN_KEYS, false)] {
            for [parent_schema, parent, child_schema, child] in self.names(sql).await? {
                cascades.push(Cascade {
                    parent: in_schema(dialect, &parent_schema, parent),
                    child: in_schema(dialect, &child_schema, child),
                    interleaved,
                });
            }
        }
        let sql = match dialect {
            Dialect::GoogleSql => UNIQUE,
            Dialect::PostgreSql => POSTGRES_UNIQUE,
        };
        let mut unique_indexes: Vec<(String, UniqueKey)> = Vec::new();
        for [schema, table, index, column] in self.names(sql).await? {
            let table = in_schema(dialect, &schema, table);
            match unique_indexes.last_mut() {
                Some((last, key)) if *last == index && key.table == table => key.columns.push(column),
                _ => unique_indexes.push((index, UniqueKey { table, columns: vec![column] })),
            }
        }
        let unique_indexes = unique_indexes.into_iter().map(|(_, key)| key).collect();
        Ok(Constraints { cascades, unique_indexes })
    }

    /// Returns the rows of a query with four columns of text.
    async fn names(&self, sql: &str) -> Result<Vec<[String; 4]>> {
        let rows = self.query(sql, &[], &[const { Type::String }; 4]).await?;
        let names = |row: Vec<Value>| match <[Value; 4]>::try_from(row) {
            Ok([Value::String(a), Value::String(b), Value::String(c), Value::String(d)]) => Ok([a, b, c, d]),
            _ => Err(Error::bug("constraints", "INFORMATION_SCHEMA returned an unexpected row")),
        };
        rows.into_iter().map(names).collect()
    }
}

/// Prefixes a table with its schema, unless that is the dialect's default one.
fn in_schema(dialect: Dialect, schema: &str, table: String) -> String {
    let is_default = dialect == Dialect::PostgreSql && schema == "public";
    qualified(if is_default { "" } else { schema }, table)
}
