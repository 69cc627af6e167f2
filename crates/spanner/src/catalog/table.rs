use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// All of a table in one query, so that a schema change cannot fall between two.
const COLUMNS: &str = "
SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.SPANNER_TYPE,
       c.IS_NULLABLE = 'YES', c.IS_GENERATED = 'ALWAYS', c.COLUMN_DEFAULT IS NOT NULL,
       IFNULL(o.OPTION_VALUE = 'TRUE', FALSE), k.ORDINAL_POSITION
FROM INFORMATION_SCHEMA.COLUMNS AS c
LEFT JOIN INFORMATION_SCHEMA.COLUMN_OPTIONS AS o
  ON o.TABLE_SCHEMA = c.TABLE_SCHEMA AND o.TABLE_NAME = c.TABLE_NAME
 AND o.COLUMN_NAME = c.COLUMN_NAME AND o.OPTION_NAME = 'allow_commit_timestamp'
LEFT JOIN INFORMATION_SCHEMA.INDEX_COLUMNS AS k
  ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME
 AND k.COLUMN_NAME = c.COLUMN_NAME AND k.INDEX_TYPE = 'PRIMARY_KEY'
WHERE LOWER(c.TABLE_SCHEMA) = LOWER(@schema) AND LOWER(c.TABLE_NAME) = LOWER(@table)
ORDER BY c.ORDINAL_POSITION";

impl Database {
    /// The table of that name, `schema.table` in a named schema; nothing when there is none.
    /// Names are compared without case.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a column of a type that the bridge does not carry.
    pub async fn table(&self, name: &str) -> Result<Option<Table>> {
        let (schema, table) = name.rsplit_once('.').unwrap_or(("", name));
        let params = [("schema", Type::String, schema.into()), ("table", Type::String, table.into())];
        let (text, flag) = (Type::String, Type::Bool);
        let types = [&text, &text, &text, &text, &flag, &flag, &flag, &flag, &Type::Int64].map(Type::clone);
        let rows = self.query(COLUMNS, &params, &types).await?;
        let mut table = Table { name: String::new(), columns: Vec::with_capacity(rows.len()) };
        for row in rows {
            let (name, column) = column(row)?;
            table.name = name;
            table.columns.push(column);
        }
        Ok((!table.columns.is_empty()).then_some(table))
    }
}

/// One row of [`COLUMNS`]: the table's name, and the column.
fn column(row: Vec<Value>) -> Result<(String, Column)> {
    let unexpected = || Error::bug("table", "INFORMATION_SCHEMA.COLUMNS answered what it should not");
    let Ok([schema, table, name, spanner_type, nullable, generated, default, commit, key]) =
        <[Value; 9]>::try_from(row)
    else {
        return Err(unexpected());
    };
    let (Value::String(schema), Value::String(table), Value::String(name), Value::String(spanner_type)) =
        (schema, table, name, spanner_type)
    else {
        return Err(unexpected());
    };
    let table = if schema.is_empty() { table } else { format!("{schema}.{table}") };
    let ty = Type::parse(&spanner_type).ok_or_else(|| {
        let message =
            format!("column {name} of table {table} has type {spanner_type}, which is not supported");
        Error::new(ErrorKind::Config, "table", message)
    })?;
    let key_ordinal = match key {
        Value::Null => None,
        // Spanner counts from 1.
        Value::Int64(ordinal) => Some(usize::try_from(ordinal - 1).map_err(|_| unexpected())?),
        _ => return Err(unexpected()),
    };
    let column = Column {
        name,
        ty,
        nullable: nullable == Value::Bool(true),
        generated: generated == Value::Bool(true),
        has_default: default == Value::Bool(true),
        commit_timestamp: commit == Value::Bool(true),
        key_ordinal,
    };
    Ok((table, column))
}
