use std::collections::BTreeMap;

use spanbridge_config::{Config, Error as Mistake, Publish, Selection};
use spanbridge_protocol::table::Table;
use spanbridge_spanner::Database;

/// Of a name that nothing has.
const CODE: &str = "SB-CHECK-NAME";
const DROPPED: &str = "names are compared without case; what was dropped may stay named until the last of its changes is published";

/// What `exclude_tables`, `columns` and `exclude_columns` name in full and the database does not have, with its place. Names
/// of what was dropped belong there as long as the change stream still tells of it, so this is no error; a slip, though,
/// publishes what was to be kept back.
///
/// # Errors
/// Those of Spanner.
pub async fn unknown_names(
    config: &Config,
    publish: &Publish,
    database: &Database,
) -> Result<Vec<Mistake>, spanbridge_spanner::Error> {
    let Selection { exclude_tables, columns, exclude_columns, .. } = &publish.selection;
    let mut unknown = Vec::new();
    let tables: Vec<_> = Selection::full(exclude_tables).collect();
    if !tables.is_empty() {
        // By name alone: it may be left out because it cannot be read.
        let there = database.table_names().await?;
        let gone =
            tables.into_iter().filter(|name| !there.iter().any(|there| there.eq_ignore_ascii_case(name)));
        unknown.extend(gone.map(|name| config.error_at(name.span, CODE, no_table(name), DROPPED)));
    }
    let mut known: BTreeMap<String, Option<Table>> = BTreeMap::new();
    // Debezium's records have generated columns.
    for (list, wanted) in [(columns, publish.compatible.is_none()), (exclude_columns, false)] {
        for name in Selection::full(list).collect::<Vec<_>>() {
            let Some((table, column)) = name.rsplit_once('.') else { continue };
            let key = table.to_ascii_lowercase();
            if !known.contains_key(&key) {
                known.insert(key.clone(), database.table(table).await?);
            }
            if let Some((message, help)) = why(known[&key].as_ref(), table, column, wanted) {
                unknown.push(config.error_at(name.span, CODE, message, help));
            }
        }
    }
    Ok(unknown)
}

fn no_table(table: &str) -> String {
    format!("the database has no table `{table}`")
}

/// What is wrong with a column's name, and what to do. `wanted` is one that is named to be published.
fn why(found: Option<&Table>, table: &str, name: &str, wanted: bool) -> Option<(String, &'static str)> {
    let Some(found) = found else { return Some((no_table(table), DROPPED)) };
    match found.column(name) {
        None => Some((format!("table {} has no column `{name}`", found.name), DROPPED)),
        Some(column) if wanted && column.generated && column.key_ordinal.is_none() => {
            let message = format!("column {name} of table {} is generated", found.name);
            Some((message, "no change stream tells it, so that it is not published: take the name out"))
        }
        Some(_) => None,
    }
}
