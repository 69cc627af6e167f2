//! The primary key of a table at the time of a change.

use serde_json::Value as Json;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_spanner::{ColumnType, DataChange};

use super::schema_adjustments::nullable_column;

/// Returns a table with the primary key that the change records, for a table that no longer exists. A key column is
/// nullable if the change has a NULL in it.
pub(crate) fn table_of_change(change: &DataChange) -> Table {
    let mut keys: Vec<&ColumnType> =
        change.column_types.iter().filter(|column| column.is_primary_key).collect();
    keys.sort_by_key(|column| column.ordinal_position);
    let is_null = |name: &str| {
        let mut keys = change.mods.iter().filter_map(|row| row.keys().ok());
        keys.any(|keys| keys.get(name).is_some_and(Json::is_null))
    };
    let columns = keys.iter().zip(0..).filter_map(|(recorded, ordinal)| {
        let column = nullable_column(&recorded.name, recorded.ty.clone()?, Some(ordinal));
        Some(Column { nullable: is_null(&recorded.name), ..column })
    });
    Table { name: change.table_name.clone(), columns: columns.collect(), parent: None }
}

/// True if the table's primary key has the same columns as the change's.
pub(crate) fn has_same_key(table: &Table, change: &DataChange) -> bool {
    let keys = || change.column_types.iter().filter(|column| column.is_primary_key);
    let key = table.key();
    key.len() == keys().count()
        && keys().all(|recorded| key.iter().any(|column| column.name == recorded.name))
}
