use spanbridge_protocol::table::{Column, OnDelete, Parent, Table};
use spanbridge_protocol::value::{Type, Value};

use super::names::qualified;
use crate::database::Database;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};

/// The columns of a table in the PostgreSQL dialect, where two tables' names may differ in case only.
const POSTGRES_COLUMNS: &str = "
SELECT CASE c.table_schema WHEN 'public' THEN '' ELSE c.table_schema END, c.table_name, c.column_name, c.spanner_type,
       c.is_nullable = 'YES', c.is_generated = 'ALWAYS', c.column_default IS NOT NULL,
       c.spanner_type = 'spanner.commit_timestamp', k.ordinal_position, COALESCE(k.column_ordering LIKE 'DESC%', FALSE),
       t.parent_table_name, t.on_delete_action
FROM information_schema.columns AS c
JOIN information_schema.tables AS t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
LEFT JOIN information_schema.index_columns AS k
  ON k.table_schema = c.table_schema AND k.table_name = c.table_name
 AND k.column_name = c.column_name AND k.index_type = 'PRIMARY_KEY'
WHERE LOWER(c.table_schema) = LOWER(CASE $1 WHEN '' THEN 'public' ELSE $1 END) AND LOWER(c.table_name) = LOWER($2)
ORDER BY c.table_name, c.ordinal_position";

/// The columns of a table. One query, so that no schema change can fall between two.
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
    /// Returns the table of that name or synonym (`schema.table` in a named schema), or `None`. Names are compared without
    /// case. The table has its own name, not the synonym.
    ///
    /// A generated column of an unsupported type is omitted: the TOKENLIST of a search index can neither be written nor
    /// read from a change stream.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for any other column of an unsupported type.
    pub async fn table(&self, name: &str) -> Result<Option<Table>> {
        if let Some(table) = self.table_named(name).await? {
            return Ok(Some(table));
        }
        match self.table_of_synonym(name).await? {
            Some(name) => self.table_named(&name).await,
            None => Ok(None),
        }
    }

    async fn table_named(&self, name: &str) -> Result<Option<Table>> {
        let (schema, table) = name.rsplit_once('.').unwrap_or(("", name));
        let dialect = self.dialect().await?;
        let (sql, names) = match dialect {
            Dialect::GoogleSql => (COLUMNS, ["schema", "table"]),
            Dialect::PostgreSql => (POSTGRES_COLUMNS, ["p1", "p2"]),
        };
        let params = [(names[0], Type::String, schema.into()), (names[1], Type::String, table.into())];
        let (text, flag, number) = (Type::String, Type::Bool, Type::Int64);
        let types = [&text, &text, &text, &text, &flag, &flag, &flag, &flag, &number, &flag, &text, &text];
        let mut rows = self.query(sql, &params, &types.map(Type::clone)).await?;
        let named = |row: &Vec<Value>| matches!(&row[3], Value::String(ty) if Type::parse(ty).is_none());
        let messages = if dialect == Dialect::GoogleSql && rows.iter().any(named) {
            self.messages(name).await?
        } else {
            Vec::new()
        };
        rows.retain(|row| !is_tokens(row, &messages));
        let mut table = Table { name: String::new(), columns: Vec::with_capacity(rows.len()), parent: None };
        for row in rows {
            let (name, parent, column) = column(row, &messages)?;
            if !table.name.is_empty() && table.name != name {
                let message = format!(
                    "tables {} and {name} differ in case only; rename one of them, the bridge compares names without case",
                    table.name
                );
                return Err(Error::new(ErrorKind::Config, "table", message));
            }
            table.name = name;
            table.parent = parent;
            table.columns.push(column);
        }
        Ok((!table.columns.is_empty()).then_some(table))
    }
}

/// True for a generated column of an unsupported type.
fn is_tokens(row: &[Value], messages: &[(String, Type)]) -> bool {
    match row {
        [_, _, Value::String(name), Value::String(ty), _, Value::Bool(true), ..] => {
            Type::parse(ty).is_none() && messages.iter().all(|(column, _)| column != name)
        }
        _ => false,
    }
}

/// Reads one row of [`COLUMNS`]: the table's name, its parent, and the column.
///
/// `messages` holds the types of the columns with Protobuf messages and enums.
fn column(row: Vec<Value>, messages: &[(String, Type)]) -> Result<(String, Option<Parent>, Column)> {
    let unexpected = || Error::bug("table", "INFORMATION_SCHEMA.COLUMNS returned an unexpected row");
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
    let table = qualified(&schema, table);
    let message = || messages.iter().find(|(column, _)| *column == name).map(|(_, ty)| ty.clone());
    let ty = Type::parse(&spanner_type).or_else(message).ok_or_else(|| {
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
    // INTERLEAVE IN without PARENT only co-locates rows; it has no ON DELETE action.
    let parent = match (parent, on_delete) {
        (Value::String(parent), Value::String(action)) if !parent.is_empty() && !action.is_empty() => {
            let on_delete = if action == "CASCADE" { OnDelete::Cascade } else { OnDelete::NoAction };
            Some(Parent { table: qualified(&schema, parent), on_delete })
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

/// Returns the length in `STRING(64)` or `ARRAY<BYTES(16)>`; `None` for MAX.
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
