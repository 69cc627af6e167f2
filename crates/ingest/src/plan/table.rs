//! `CREATE TABLE` and `ALTER TABLE … ADD COLUMN`.

use spanbridge_config::{Config, Error, IngestTable};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_spanner::quoted;

use super::columns::{self, Column, Origin, Typed};
use super::key::PrimaryKey;
use super::natural::ddl;
use crate::schemas::Schemas;

const TYPE: &str = "SB-PLAN-TYPE";
const KEY: &str = "SB-PLAN-KEY";

/// What the live table lacks for the mapping; all of it when there is none. Columns of expressions are noted.
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
        (IngestTable::Aggregates(table), _) => columns::key(table),
        (IngestTable::Rows(_), Some(_)) => Vec::new(),
        (IngestTable::Rows(_), None) => given(config, mapping, keys).map_err(|error| vec![error])?,
    };
    let in_key = |name: &str| key.iter().any(|key| key.eq_ignore_ascii_case(name));
    let mut errors = Vec::new();
    let mut missing = Vec::new();
    for column in columns::columns(mapping) {
        if live.is_some_and(|live| live.column(&column.name).is_some()) {
            continue;
        }
        if live.is_some() && in_key(&column.name) {
            let message = format!(
                "table `{}` has no column {}, which belongs to its primary key",
                mapping.table(),
                column.name
            );
            let help = "Spanner cannot add it: create the table anew";
            errors.push(config.error_at(column.at, KEY, message, help));
            continue;
        }
        match typed(&column, live, schemas).or_else(|why| as_before(&column, before).ok_or(why)) {
            Ok(typed) if in_key(&column.name) && matches!(typed.ty, Type::Array(_) | Type::Json) => {
                let message = format!("column {} is {}, which no key holds", column.name, typed.ty);
                errors.push(config.error_at(column.at, KEY, message, "choose scalar columns for the key"));
            }
            Ok(typed) => missing.push((column.name, typed)),
            Err(_) if column.is_computed() && !in_key(&column.name) => {
                let (table, name) = (mapping.table(), &column.name);
                notes.push(format!(
                    "{table}: without column {name}, which is computed, so that no schema says its type: add it by hand with \
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
    let table = quoted(mapping.table());
    Ok(match live {
        Some(_) => missing
            .iter()
            .map(|(name, typed)| format!("ALTER TABLE {table} ADD COLUMN {}", definition(name, typed, false)))
            .collect(),
        None => vec![create(&table, &missing, &key)],
    })
}

/// Nullable, as rows are there already.
pub(crate) fn add_column(table: &str, name: &str, ty: &Type) -> String {
    let typed = Typed { ty: ty.clone(), nullable: true, default: None };
    format!("ALTER TABLE {} ADD COLUMN {}", quoted(table), definition(name, &typed, false))
}

/// Only the key is NOT NULL, and of it only what is never null: a mapping may leave out the rest.
fn create(table: &str, columns: &[(String, Typed)], key: &[String]) -> String {
    let mut text = format!("CREATE TABLE {table} (\n");
    for (name, typed) in columns {
        let in_key = key.iter().any(|key| key.eq_ignore_ascii_case(name));
        text += &format!("  {},\n", definition(name, typed, in_key));
    }
    let key: Vec<String> = key.iter().map(|name| quoted(name)).collect();
    format!("{text}) PRIMARY KEY ({})", key.join(", "))
}

fn definition(name: &str, Typed { ty, nullable, default }: &Typed, in_key: bool) -> String {
    let mut text = format!("`{name}` {}", ddl(ty));
    if !nullable && (in_key || default.is_some()) {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = default {
        text += &format!(" DEFAULT ({default})");
    }
    text
}

/// A companion has the type of the column that it stands beside.
fn typed(column: &Column<'_>, live: Option<&Table>, schemas: &Schemas) -> Result<Typed, String> {
    if let Origin::Beside(name, _) = &column.origin
        && let Some(beside) = live.and_then(|live| live.column(name))
    {
        return Ok(Typed { ty: beside.ty.clone(), nullable: true, default: None });
    }
    column.typed(schemas)
}

/// The type that the table of the version before has, where no schema says one.
fn as_before(column: &Column<'_>, before: Option<&Table>) -> Option<Typed> {
    let column = before?.column(&column.name)?;
    Some(Typed { ty: column.ty.clone(), nullable: column.nullable, default: None })
}

/// The key that the command line gives to a table of rows.
fn given(config: &Config, mapping: &IngestTable, keys: &[PrimaryKey]) -> Result<Vec<String>, Error> {
    let table = mapping.table();
    let Some(key) = keys.iter().find(|key| key.table.eq_ignore_ascii_case(table)) else {
        let message = format!("the database has no table `{table}`, and no mapping says its primary key");
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
