//! Rows by primary key: reads them from a table, folds them from a topic, and compares them.

use std::collections::BTreeMap;

use chrono::SubsecRound as _;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::Database;

use crate::error::Result;
use crate::published::PublishedRecord;

/// Rows by primary key. The values of a key are in key order, the columns of a row are in table order.
pub type Rows = BTreeMap<Vec<Value>, Vec<Value>>;

/// Reads all rows of a table with a strong read, and holds them in memory.
///
/// # Errors
/// Spanner cannot be reached.
pub async fn read(database: &Database, table: &Table) -> Result<Rows> {
    let columns: Vec<(String, Type)> =
        table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
    let rows = database.read_all(&table.name, &columns, None).await?;
    Ok(rows.into_iter().map(|row| (key(table, &row), row)).collect())
}

/// Folds records into the last state of each key, in commit order.
///
/// The result equals a fold in topic order, except where the emulator spreads a key over lineages that never meet (see
/// [`Ancestry`](crate::ancestry::Ancestry)).
#[must_use]
pub fn fold(records: &[PublishedRecord]) -> Rows {
    let mut changes: Vec<_> =
        records.iter().filter_map(|record| Some((record, record.change.as_ref()?))).collect();
    changes.sort_by_key(|(_, change)| &change.id);
    let mut rows = Rows::new();
    for (record, change) in changes {
        match &change.after {
            Some(row) => rows.insert(record.key.clone(), row.clone()),
            None => rows.remove(&record.key),
        };
    }
    rows
}

/// The keys in which actual rows differ from expected rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowDifference {
    /// The keys of expected rows that do not exist.
    pub missing: Vec<Vec<Value>>,
    /// The keys of rows that were not expected.
    pub unexpected: Vec<Vec<Value>>,
    /// The keys of expected rows that exist with other values.
    pub different: Vec<Vec<Value>>,
}

impl RowDifference {
    /// Compares expected with actual rows.
    #[must_use]
    pub fn between(expected: &Rows, actual: &Rows) -> Self {
        let without = |some: &Rows, others: &Rows| -> Vec<Vec<Value>> {
            some.keys().filter(|key| !others.contains_key(*key)).cloned().collect()
        };
        let different =
            expected.iter().filter(|(key, row)| actual.get(*key).is_some_and(|actual| actual != *row));
        Self {
            missing: without(expected, actual),
            unexpected: without(actual, expected),
            different: different.map(|(key, _)| key.clone()).collect(),
        }
    }

    /// Returns true when the rows are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Truncates all timestamps, also those in keys, to whole seconds. The emulator's change streams truncate them alike.
#[must_use]
pub fn truncate_to_seconds(rows: Rows) -> Rows {
    let truncate_all = |values: Vec<Value>| -> Vec<Value> {
        let truncate = |value| match value {
            Value::Timestamp(at) => Value::Timestamp(at.trunc_subsecs(0)),
            other => other,
        };
        values.into_iter().map(truncate).collect()
    };
    rows.into_iter().map(|(key, row)| (truncate_all(key), truncate_all(row))).collect()
}

fn key(table: &Table, row: &[Value]) -> Vec<Value> {
    let index = |column: &&Column| table.columns.iter().position(|other| other.name == column.name);
    table.key().iter().filter_map(index).filter_map(|index| row.get(index).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(i64, i64)]) -> Rows {
        pairs.iter().map(|(key, value)| (vec![Value::Int64(*key)], vec![Value::Int64(*value)])).collect()
    }

    #[test]
    fn each_kind_of_difference_is_reported() {
        let difference =
            RowDifference::between(&rows(&[(1, 1), (2, 2), (3, 3)]), &rows(&[(2, 2), (3, 4), (5, 5)]));
        let key = |number| vec![vec![Value::Int64(number)]];
        assert_eq!(difference.missing, key(1));
        assert_eq!(difference.unexpected, key(5));
        assert_eq!(difference.different, key(3));
        assert!(!difference.is_empty());
        assert!(RowDifference::between(&rows(&[(1, 1)]), &rows(&[(1, 1)])).is_empty());
    }
}
