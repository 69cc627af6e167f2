//! Warnings about names in the file that the database does not have. `spanbridge check` prints them as well.

use std::collections::BTreeMap;

use spanbridge_config::{Config, Error as ConfigError, Publish, Selection};
use spanbridge_protocol::table::Table;
use spanbridge_spanner::Database;

/// The code of a warning about an unknown name.
const CODE: &str = "SB-CHECK-NAME";
const HELP: &str = "names are compared without case; the name of a dropped table or column may stay until the last of \
                    its changes is published";

/// Returns the full names in `exclude_tables`, `columns` and `exclude_columns` that the database does not have, with
/// their places in the file.
///
/// These are warnings and not errors: the name of a dropped table must stay in the list while the change stream still
/// holds its changes. But a misspelt name publishes what was to be left out.
///
/// # Errors
/// Errors of Spanner.
pub async fn unknown_names(
    config: &Config,
    publish: &Publish,
    database: &Database,
) -> Result<Vec<ConfigError>, spanbridge_spanner::Error> {
    let Selection { exclude_tables, columns, exclude_columns, .. } = &publish.selection;
    let mut unknown = Vec::new();
    let tables: Vec<_> = Selection::full(exclude_tables).collect();
    if !tables.is_empty() {
        // Only the names are read: a table may be excluded because it cannot be read.
        let existing = database.table_names().await?;
        let missing = tables
            .into_iter()
            .filter(|name| !existing.iter().any(|existing| existing.eq_ignore_ascii_case(name)));
        unknown.extend(missing.map(|name| config.error_at(name.span, CODE, no_table(name), HELP)));
    }
    let mut known: BTreeMap<String, Option<Table>> = BTreeMap::new();
    // Records in Debezium's format have generated columns.
    let publishes_generated = publish.compatible.is_some();
    for (list, warns_of_generated) in [(columns, !publishes_generated), (exclude_columns, false)] {
        for name in Selection::full(list).collect::<Vec<_>>() {
            let Some((table, column)) = name.rsplit_once('.') else { continue };
            let key = table.to_ascii_lowercase();
            if !known.contains_key(&key) {
                known.insert(key.clone(), database.table(table).await?);
            }
            let warning = column_warning(known[&key].as_ref(), table, column, warns_of_generated);
            if let Some((message, help)) = warning {
                unknown.push(config.error_at(name.span, CODE, message, help));
            }
        }
    }
    Ok(unknown)
}

fn no_table(table: &str) -> String {
    format!("the database has no table `{table}`")
}

/// The message about a column's name, and what to do.
fn column_warning(
    table: Option<&Table>,
    table_name: &str,
    name: &str,
    warns_of_generated: bool,
) -> Option<(String, &'static str)> {
    let Some(table) = table else { return Some((no_table(table_name), HELP)) };
    match table.column(name) {
        None => Some((format!("table {} has no column `{name}`", table.name), HELP)),
        Some(column) if warns_of_generated && column.generated && column.key_ordinal.is_none() => {
            let message = format!("column {name} of table {} is generated", table.name);
            Some((message, "change streams omit generated columns, so it is not published: remove the name"))
        }
        Some(_) => None,
    }
}
