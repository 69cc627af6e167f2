use spanbridge_protocol::value::{Type, Value};

use super::names::qualified;
use crate::database::Database;
use crate::error::{Error, Result};

/// A secondary index that contains every row of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The index name; `schema.name` in a named schema.
    pub name: String,
    /// The key columns in order; `true` marks a descending one. Spanner appends the table's primary key.
    pub columns: Vec<(String, bool)>,
}

/// The key columns of all indexes of a table. Columns of a STORING clause have no ordinal position.
const COLUMNS: &str = "
SELECT i.TABLE_SCHEMA, i.INDEX_NAME, c.COLUMN_NAME, IFNULL(c.COLUMN_ORDERING = 'DESC', FALSE)
FROM INFORMATION_SCHEMA.INDEXES AS i
JOIN INFORMATION_SCHEMA.INDEX_COLUMNS AS c
  ON c.TABLE_SCHEMA = i.TABLE_SCHEMA AND c.TABLE_NAME = i.TABLE_NAME AND c.INDEX_NAME = i.INDEX_NAME
WHERE LOWER(i.TABLE_SCHEMA) = LOWER(@schema) AND LOWER(i.TABLE_NAME) = LOWER(@table)
  AND i.INDEX_TYPE = 'INDEX' AND NOT i.IS_NULL_FILTERED AND c.ORDINAL_POSITION IS NOT NULL
ORDER BY i.INDEX_NAME, c.ORDINAL_POSITION";

impl Database {
    /// Returns the secondary indexes of a table (`schema.table` in a named schema). NULL-filtered indexes are omitted: they
    /// do not contain every row. Names are compared without case.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub async fn indexes(&self, table: &str) -> Result<Vec<Index>> {
        let (schema, table) = table.rsplit_once('.').unwrap_or(("", table));
        let params = [("schema", Type::String, schema.into()), ("table", Type::String, table.into())];
        let types = [Type::String, Type::String, Type::String, Type::Bool];
        let mut indexes: Vec<Index> = Vec::new();
        for row in self.query(COLUMNS, &params, &types).await? {
            let Ok(
                [Value::String(schema), Value::String(name), Value::String(column), Value::Bool(descending)],
            ) = <[Value; 4]>::try_from(row)
            else {
                let message = "INFORMATION_SCHEMA.INDEX_COLUMNS returned an unexpected row";
                return Err(Error::bug("indexes", message));
            };
            let name = qualified(&schema, name);
            let column = (column, descending);
            match indexes.last_mut() {
                Some(index) if index.name == name => index.columns.push(column),
                _ => indexes.push(Index { name, columns: vec![column] }),
            }
        }
        Ok(indexes)
    }
}
