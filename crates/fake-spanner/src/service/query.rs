//! The queries of the bridge, recognised by their text: the fake has no SQL engine.

use std::sync::Arc;

use googleapis_tonic_google_spanner_v1::google::spanner::v1::ExecuteSqlRequest;
use spanbridge_protocol::value::{Type, Value};

use super::parameter::required;
use crate::database::{Database, Table};
use crate::refusal::{Error, Result};
use crate::schema::{ChangeStream, OnDelete, Schema, Table as SchemaTable, Watched};

/// The end of the query for a table, after its columns.
const OF_TABLE: &str = "FROM INFORMATION_SCHEMA.COLUMNS AS c \
    JOIN INFORMATION_SCHEMA.TABLES AS t \
    ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'BASE TABLE' \
    LEFT JOIN INFORMATION_SCHEMA.COLUMN_OPTIONS AS o \
    ON o.TABLE_SCHEMA = c.TABLE_SCHEMA AND o.TABLE_NAME = c.TABLE_NAME \
    AND o.COLUMN_NAME = c.COLUMN_NAME AND o.OPTION_NAME = 'allow_commit_timestamp' \
    LEFT JOIN INFORMATION_SCHEMA.INDEX_COLUMNS AS k \
    ON k.TABLE_SCHEMA = c.TABLE_SCHEMA AND k.TABLE_NAME = c.TABLE_NAME \
    AND k.COLUMN_NAME = c.COLUMN_NAME AND k.INDEX_TYPE = 'PRIMARY_KEY' \
    WHERE LOWER(c.TABLE_SCHEMA) = LOWER(@schema) AND LOWER(c.TABLE_NAME) = LOWER(@table) \
    ORDER BY c.ORDINAL_POSITION";

/// The query for a view. The supported DDL has no views.
const OF_VIEW: &str = "SELECT VIEW_DEFINITION FROM INFORMATION_SCHEMA.VIEWS \
    WHERE LOWER(TABLE_SCHEMA) = LOWER(@schema) AND LOWER(TABLE_NAME) = LOWER(@view)";

/// The common part of the queries for a change stream.
const OF_STREAM: &str = "WHERE LOWER(CHANGE_STREAM_NAME) = LOWER(@name)";

const DIALECT: &str =
    "SELECT option_value FROM information_schema.database_options WHERE option_name = 'database_dialect'";

/// The query for the names of all tables.
const TABLE_NAMES: &str = "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES \
    WHERE TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_SCHEMA, TABLE_NAME";

/// The query for interleaved tables with ON DELETE CASCADE.
const INTERLEAVED: &str = "SELECT t.table_schema, t.parent_table_name, t.table_schema, t.table_name \
    FROM information_schema.tables AS t \
    WHERE t.on_delete_action = 'CASCADE' AND t.parent_table_name IS NOT NULL";

/// The tables of the queries for foreign keys and unique indexes.
const FOREIGN_KEYS_AND_INDEXES: [&str; 2] =
    [" FROM information_schema.table_constraints AS c ", " FROM information_schema.indexes AS i "];

/// # Errors
/// UNIMPLEMENTED, with the text of the query.
pub(super) fn answer(database: &Database, request: &ExecuteSqlRequest) -> Result<Table> {
    let sql = request.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match sql.as_str() {
        // The client library's way to open a connection.
        "SELECT 1" => Ok(single(Type::Int64, Value::Int64(1))),
        "SELECT CURRENT_TIMESTAMP" => Ok(single(Type::Timestamp, Value::Timestamp(database.now()))),
        DIALECT => Ok(single(Type::String, "GOOGLE_STANDARD_SQL".into())),
        OF_VIEW => Ok(Table { columns: vec![(String::new(), Type::String)], rows: Vec::new() }),
        TABLE_NAMES => Ok(database.schema(table_names)),
        INTERLEAVED => Ok(names(database.schema(interleaved))),
        // The supported DDL has neither foreign keys nor indexes.
        _ if FOREIGN_KEYS_AND_INDEXES.iter().any(|table| sql.contains(table)) => Ok(names(Vec::new())),
        _ if sql.contains(OF_STREAM) => {
            let name = required(request, "name")?;
            database.schema(|known| of_stream(known, &sql, name))
        }
        _ => match sql.strip_prefix("SELECT ").and_then(|sql| sql.strip_suffix(OF_TABLE)) {
            Some(columns) => {
                let (schema, table) = (required(request, "schema")?, required(request, "table")?);
                database.schema(|known| of_table(known, columns, schema, table))
            }
            None => Err(Error::unimplemented(format_args!("the query {sql}"))),
        },
    }
}

fn single(ty: Type, value: Value) -> Table {
    Table { columns: vec![(String::new(), ty)], rows: vec![vec![value]] }
}

fn table_names(known: &Schema) -> Table {
    let mut names: Vec<_> = known.tables().iter().map(|table| (&table.schema, &table.name)).collect();
    names.sort_unstable();
    let rows = names.into_iter().map(|(schema, name)| vec![schema.clone().into(), name.clone().into()]);
    Table { columns: vec![(String::new(), Type::String); 2], rows: rows.collect() }
}

/// Returns a table with four columns of text.
fn names(rows: Vec<Vec<Value>>) -> Table {
    Table { columns: vec![(String::new(), Type::String); 4], rows }
}

fn interleaved(known: &Schema) -> Vec<Vec<Value>> {
    let row = |table: &Arc<SchemaTable>| {
        let parent = table.parent.filter(|parent| parent.on_delete == OnDelete::Cascade)?;
        let parent = known.table_of(parent.table);
        let names = [&table.schema, &parent.name, &table.schema, &table.name];
        Some(names.map(|name| Value::from(name.clone())).into())
    };
    known.tables().iter().filter_map(row).collect()
}

fn of_table(known: &Schema, columns: &str, schema: &str, table: &str) -> Result<Table> {
    let name = if schema.is_empty() { table.to_owned() } else { format!("{schema}.{table}") };
    let table = known.find(&name);
    let expressions = split(columns);
    let asked: Vec<(Type, Cell)> =
        expressions.iter().map(|expression| cell(expression)).collect::<Result<_>>()?;
    let columns = asked.iter().map(|(ty, _)| (String::new(), ty.clone())).collect();
    let rows = table.into_iter().flat_map(|table| {
        let row = |column| asked.iter().map(|(_, cell)| cell(known, table, column)).collect();
        (0..table.columns.len()).map(row).collect::<Vec<_>>()
    });
    Ok(Table { columns, rows: rows.collect() })
}

fn of_stream(known: &Schema, sql: &str, name: &str) -> Result<Table> {
    let stream = known.stream(name);
    let tables: Vec<(&SchemaTable, Option<&[usize]>)> = match stream.map(|stream| &stream.watched) {
        Some(Watched::Tables(tables)) => {
            tables.iter().map(|(id, columns)| (&**known.table_of(*id), columns.as_deref())).collect()
        }
        Some(Watched::All) | None => Vec::new(),
    };
    let of_table = |table: &SchemaTable| vec![table.schema.clone().into(), table.name.clone().into()];
    let (columns, rows): (Vec<Type>, Vec<Vec<Value>>) = match sql.split_once(OF_STREAM) {
        Some(("SELECT CHANGE_STREAM_NAME, `ALL` FROM INFORMATION_SCHEMA.CHANGE_STREAMS ", "")) => {
            let row = |stream: &Arc<ChangeStream>| {
                vec![stream.name.clone().into(), matches!(stream.watched, Watched::All).into()]
            };
            (vec![Type::String, Type::Bool], stream.map(row).into_iter().collect())
        }
        Some(("SELECT OPTION_NAME, OPTION_VALUE FROM INFORMATION_SCHEMA.CHANGE_STREAM_OPTIONS ", "")) => {
            let row = |(name, value): &(String, String)| vec![name.clone().into(), value.clone().into()];
            let options = stream.iter().flat_map(|stream| stream.options.iter().map(row));
            (vec![Type::String; 2], options.collect())
        }
        Some((
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_TABLES ",
            order @ (" ORDER BY TABLE_SCHEMA, TABLE_NAME" | " AND NOT ALL_COLUMNS"),
        )) => {
            let in_part = order.ends_with("ALL_COLUMNS");
            let asked = tables.iter().filter(|(_, columns)| !in_part || columns.is_some());
            let mut rows: Vec<_> = asked.map(|(table, _)| of_table(table)).collect();
            rows.sort();
            (vec![Type::String; 2], rows)
        }
        Some((
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.CHANGE_STREAM_COLUMNS ",
            "",
        )) => {
            let rows = tables.iter().flat_map(|(table, columns)| {
                columns.unwrap_or_default().iter().map(|&place| {
                    let mut row = of_table(table);
                    row.push(table.columns[place].name.clone().into());
                    row
                })
            });
            (vec![Type::String; 3], rows.collect())
        }
        _ => return Err(Error::unimplemented(format_args!("the query {sql}"))),
    };
    Ok(Table { columns: columns.into_iter().map(|ty| (String::new(), ty)).collect(), rows })
}

/// Splits a text at commas outside brackets.
fn split(columns: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = columns.split(|char| {
        depth += i32::from(char == '(') - i32::from(char == ')');
        char == ',' && depth == 0
    });
    parts.map(str::trim).collect()
}

/// Returns the value of an `INFORMATION_SCHEMA` column for a column of a table.
type Cell = fn(&Schema, &SchemaTable, usize) -> Value;

fn cell(expression: &str) -> Result<(Type, Cell)> {
    Ok(match expression {
        "c.TABLE_SCHEMA" => (Type::String, |_, table, _| table.schema.clone().into()),
        "c.TABLE_NAME" => (Type::String, |_, table, _| table.name.clone().into()),
        "c.COLUMN_NAME" => (Type::String, |_, table, column| table.columns[column].name.clone().into()),
        "c.SPANNER_TYPE" => {
            (Type::String, |_, table, column| table.columns[column].spanner_type.clone().into())
        }
        "c.IS_NULLABLE = 'YES'" => (Type::Bool, |_, table, column| table.columns[column].nullable.into()),
        // The DDL that is read here has no generated columns.
        "c.IS_GENERATED = 'ALWAYS'" => (Type::Bool, |_, _, _| false.into()),
        "c.COLUMN_DEFAULT IS NOT NULL" => {
            (Type::Bool, |_, table, column| table.columns[column].default.is_some().into())
        }
        "IFNULL(o.OPTION_VALUE = 'TRUE', FALSE)" => {
            (Type::Bool, |_, table, column| table.columns[column].commit_timestamp.into())
        }
        "k.ORDINAL_POSITION" => (Type::Int64, |_, table, column| {
            let ordinal = table.key_ordinal(column).and_then(|ordinal| i64::try_from(ordinal + 1).ok());
            ordinal.into()
        }),
        "IFNULL(k.COLUMN_ORDERING = 'DESC', FALSE)" => (Type::Bool, |_, table, column| {
            table.key_ordinal(column).is_some_and(|ordinal| table.key[ordinal].descending).into()
        }),
        "t.PARENT_TABLE_NAME" => (Type::String, |known, table, _| {
            table.parent.map(|parent| known.table_of(parent.table).name.clone()).into()
        }),
        "t.ON_DELETE_ACTION" => (Type::String, |_, table, _| {
            let action = |on_delete| match on_delete {
                OnDelete::Cascade => "CASCADE",
                OnDelete::NoAction => "NO ACTION",
            };
            table.parent.map(|parent| action(parent.on_delete)).into()
        }),
        _ => return Err(Error::unimplemented(format_args!("the column {expression} of INFORMATION_SCHEMA"))),
    })
}
