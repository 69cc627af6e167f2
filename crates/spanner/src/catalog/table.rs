use spanbridge_protocol::table::{Column, OnDelete, Parent, Table};
use spanbridge_protocol::value::{Type, Value};

use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// All of a table in one query, so that a schema change cannot fall between two.
const COLUMNS: &str = "
SELECT c.TABLE_SCHEMA, c.TABLE_NAME, c.COLUMN_NAME, c.SPANNER_TYPE,
       c.IS_NULLABLE = 'YES', c.IS_GENERATED = 'ALWAYS', c.COLUMN_DEFAULT IS NOT NULL,
       IFNULL(o.OPTION_VALUE = 'TRUE', FALSE), k.ORDINAL_POSITION, IFNULL(k.COLUMN_ORDERING = 'DESC', FALSE),
       t.PARENT_TABLE_NAME, t.ON_DELETE_ACTION
FROM INFORMATION_SCHEMA.COLUMNS AS c
JOIN INFORMATION_SCHEMA.TABLES AS t
  ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'BASE TABLE'
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
        let (text, flag, number) = (Type::String, Type::Bool, Type::Int64);
        let types = [&text, &text, &text, &text, &flag, &flag, &flag, &flag, &number, &flag, &text, &text];
        let rows = self.query(COLUMNS, &params, &types.map(Type::clone)).await?;
        let mut table = Table { name: String::new(), columns: Vec::with_capacity(rows.len()), parent: None };
        for row in rows {
            let (name, parent, column) = column(row)?;
            table.name = name;
            table.parent = parent;
            table.columns.push(column);
        }
        Ok((!table.columns.is_empty()).then_some(table))
    }
}

/// One row of [`COLUMNS`]: the table's name, its parent, and the column.
fn column(row: Vec<Value>) -> Result<(String, Option<Parent>, Column)> {
    let unexpected = || Error::bug("table", "INFORMATION_SCHEMA.COLUMNS answered what it should not");
    let Ok(
        [
            schema,
            table,
            name,
            spanner_type,
            nullable,
            generated,
            default,
            commit,
            key,
            descending,
            parent,
            on_delete,
        ],
    ) = <[Value; 12]>::try_from(row)
    else {
        return Err(unexpected());
    };
    let (Value::String(schema), Value::String(table), Value::String(name), Value::String(spanner_type)) =
        (schema, table, name, spanner_type)
    else {
        return Err(unexpected());
    };
    let qualified = |table: String| if schema.is_empty() { table } else { format!("{schema}.{table}") };
    let table = qualified(table);
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
    // INTERLEAVE IN, without PARENT, only places rows near each other, and has no action.
    let parent = match (parent, on_delete) {
        (Value::String(parent), Value::String(action)) if !parent.is_empty() && !action.is_empty() => {
            let on_delete = if action == "CASCADE" { OnDelete::Cascade } else { OnDelete::NoAction };
            Some(Parent { table: qualified(parent), on_delete })
        }
        _ => None,
    };
    let column = Column {
        name,
        length: length(&spanner_type),
        ty,
        nullable: nullable == Value::Bool(true),
        generated: generated == Value::Bool(true),
        has_default: default == Value::Bool(true),
        commit_timestamp: commit == Value::Bool(true),
        key_ordinal,
        key_descending: descending == Value::Bool(true),
    };
    Ok((table, parent, column))
}

/// The number in `STRING(64)` or `ARRAY<BYTES(16)>`; nothing for MAX.
fn length(spanner_type: &str) -> Option<u64> {
    let (_, rest) = spanner_type.split_once('(')?;
    rest.split_once(')')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        for (ty, expected) in [
            ("STRING(64)", Some(64)),
            ("STRING(MAX)", None),
            ("ARRAY<BYTES(16)>", Some(16)),
            ("INT64", None),
            ("ARRAY<FLOAT32>(vector_length=>128)", None),
        ] {
            assert_eq!(length(ty), expected, "{ty}");
        }
    }
}
