//! `CREATE TABLE` and `ALTER TABLE … ADD COLUMN` for one table.

use spanbridge_config::{Config, Error, IngestTable};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_spanner::quoted;

use super::planned_column::{self, PlannedColumn, TypeSource};
use super::primary_key::PrimaryKey;
use crate::ddl::{ColumnType, add_column, create_table};
use crate::schemas::Schemas;

const TYPE: &str = "SB-PLAN-TYPE";
const KEY: &str = "SB-PLAN-KEY";

/// Returns the DDL for the columns that the live table lacks, or for the whole table if it does not exist. A computed
/// column without a known type becomes a note.
///
/// # Errors
/// All mistakes, with their places in the file.
pub(super) fn statements(
    config: &Config,
    mapping: &IngestTable,
    live: Option<&Table>,
    before: Option<&Table>,
    keys: &[PrimaryKey],
    schemas: &Schemas,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Vec<Error>> {
    let key = match (mapping, live) {
        (IngestTable::Aggregates(table), _) => planned_column::key(table),
        (IngestTable::Rows(_), Some(_)) => Vec::new(),
        (IngestTable::Rows(_), None) => given_key(config, mapping, keys).map_err(|error| vec![error])?,
    };
    let in_key = |name: &str| key.iter().any(|key| key.eq_ignore_ascii_case(name));
    let mut errors = Vec::new();
    let mut missing = Vec::new();
    for column in planned_column::columns(mapping) {
        if live.is_some_and(|live| live.column(&column.name).is_some()) {
            continue;
        }
        if live.is_some() && in_key(&column.name) {
            let message = format!(
                "table `{}` has no column {}, which is part of its primary key",
                mapping.table(),
                column.name
            );
            let help = "Spanner cannot add key columns: create the table again";
            errors.push(config.error_at(column.at, KEY, message, help));
            continue;
        }
        match column_type(&column, live, schemas).or_else(|why| previous_type(&column, before).ok_or(why)) {
            Ok(typed) if in_key(&column.name) && matches!(typed.ty, Type::Array(_) | Type::Json) => {
                let message = format!("column {} is {}, which a key cannot contain", column.name, typed.ty);
                errors.push(config.error_at(column.at, KEY, message, "choose scalar columns for the key"));
            }
            Ok(typed) => missing.push((column.name, typed)),
            Err(_) if column.is_computed() && !in_key(&column.name) => {
                let (table, name) = (mapping.table(), &column.name);
                notes.push(format!(
                    "{table}: without column {name}, which is computed, so that no schema determines its type: add it by hand with \
                     ALTER TABLE {} ADD COLUMN `{name}`",
                    quoted(table)
                ));
            }
            Err(why) => {
                let message = format!("the type of column {} is not known: {why}", column.name);
                let help =
                    "create the column by hand, or use a bare path such as value.x of a registered schema";
                errors.push(config.error_at(column.at, TYPE, message, help));
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(match live {
        Some(_) => missing.iter().map(|(name, ty)| add_column(mapping.table(), name, ty)).collect(),
        None => vec![create_table(mapping.table(), &missing, &key)],
    })
}

/// Returns the type of a column. A companion has the type of its live aggregate column.
fn column_type(
    column: &PlannedColumn<'_>,
    live: Option<&Table>,
    schemas: &Schemas,
) -> Result<ColumnType, String> {
    if let TypeSource::Companion(name, _) = &column.source
        && let Some(beside) = live.and_then(|live| live.column(name))
    {
        return Ok(ColumnType { ty: beside.ty.clone(), nullable: true, default: None });
    }
    column.column_type(schemas)
}

/// Returns the type of the column in the table of the previous version.
fn previous_type(column: &PlannedColumn<'_>, before: Option<&Table>) -> Option<ColumnType> {
    let column = before?.column(&column.name)?;
    Some(ColumnType { ty: column.ty.clone(), nullable: column.nullable, default: None })
}

/// Returns the key that the command line gives to a table of rows.
fn given_key(config: &Config, mapping: &IngestTable, keys: &[PrimaryKey]) -> Result<Vec<String>, Error> {
    let table = mapping.table();
    let Some(key) = keys.iter().find(|key| key.table.eq_ignore_ascii_case(table)) else {
        let message =
            format!("the database has no table `{table}`, and no mapping determines its primary key");
        let help = format!("give it with --key {table}=Column,Column, or create the table by hand");
        return Err(config.error_at(table.span, KEY, message, help));
    };
    let mapped =
        |name: &&String| mapping.mappings().iter().any(|mapping| mapping.column.eq_ignore_ascii_case(name));
    match key.columns.iter().find(|name| !mapped(name)) {
        None => Ok(key.columns.clone()),
        Some(name) => {
            let message = format!("the key column {name} of table `{table}` is not mapped");
            Err(config.error_at(table.span, KEY, message, "map every column of the primary key"))
        }
    }
}

#[cfg(test)]
mod tests;
