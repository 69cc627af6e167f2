//! Rows by key: of a table, and of a topic folded per key.

use std::collections::BTreeMap;

use chrono::SubsecRound as _;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::Database;

use crate::Result;
use crate::published::Event;

/// All columns of each row in table order, by primary key in key order.
pub type Rows = BTreeMap<Vec<Value>, Vec<Value>>;

/// All rows of a table that fits in memory; a strong read.
///
/// # Errors
/// Spanner cannot be reached.
pub async fn read(database: &Database, table: &Table) -> Result<Rows> {
    let columns: Vec<(String, Type)> =
        table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
    let rows = database.read_all(&table.name, &columns, None).await?;
    Ok(rows.into_iter().map(|row| (key(table, &row), row)).collect())
}

/// The last state of each key, by the changes' commit order: that of the topic, but where the emulator spreads a key over
/// lineages that never meet (see [`Ancestry`](crate::ancestry::Ancestry)).
#[must_use]
pub fn fold(events: &[Event]) -> Rows {
    let mut changes: Vec<_> =
        events.iter().filter_map(|event| Some((event, event.change.as_ref()?))).collect();
    changes.sort_by_key(|(_, change)| &change.id);
    let mut rows = Rows::new();
    for (event, change) in changes {
        match &change.after {
            Some(row) => rows.insert(event.key.clone(), row.clone()),
            None => rows.remove(&event.key),
        };
    }
    rows
}

/// What two sets of rows do not have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Keys of rows that only the first has.
    pub missing: Vec<Vec<Value>>,
    /// Keys of rows that only the second has.
    pub unexpected: Vec<Vec<Value>>,
    /// Keys of rows that both have, with other values.
    pub different: Vec<Vec<Value>>,
}

impl Difference {
    /// Compares what is expected with what was found.
    #[must_use]
    pub fn of(expected: &Rows, found: &Rows) -> Self {
        let without = |some: &Rows, others: &Rows| -> Vec<Vec<Value>> {
            some.keys().filter(|key| !others.contains_key(*key)).cloned().collect()
        };
        let different =
            expected.iter().filter(|(key, row)| found.get(*key).is_some_and(|found| found != *row));
        Self {
            missing: without(expected, found),
            unexpected: without(found, expected),
            different: different.map(|(key, _)| key.clone()).collect(),
        }
    }

    /// True when there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Rows with their instants, those of the key too, cut to whole seconds: what the emulator's change streams leave of them.
#[must_use]
pub fn whole_seconds(rows: Rows) -> Rows {
    let cut = |values: Vec<Value>| -> Vec<Value> {
        let cut = |value| match value {
            Value::Timestamp(at) => Value::Timestamp(at.trunc_subsecs(0)),
            other => other,
        };
        values.into_iter().map(cut).collect()
    };
    rows.into_iter().map(|(key, row)| (cut(key), cut(row))).collect()
}

fn key(table: &Table, row: &[Value]) -> Vec<Value> {
    let at = |column: &&Column| table.columns.iter().position(|other| other.name == column.name);
    table.key().iter().filter_map(at).filter_map(|index| row.get(index).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(i64, i64)]) -> Rows {
        pairs.iter().map(|(key, value)| (vec![Value::Int64(*key)], vec![Value::Int64(*value)])).collect()
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        let difference = Difference::of(&rows(&[(1, 1), (2, 2), (3, 3)]), &rows(&[(2, 2), (3, 4), (5, 5)]));
        let key = |number| vec![vec![Value::Int64(number)]];
        assert_eq!(difference.missing, key(1));
        assert_eq!(difference.unexpected, key(5));
        assert_eq!(difference.different, key(3));
        assert!(!difference.is_none());
        assert!(Difference::of(&rows(&[(1, 1)]), &rows(&[(1, 1)])).is_none());
    }
}
