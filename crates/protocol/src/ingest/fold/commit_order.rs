//! The constraints by which the order of a batch's changes decides.
//!
//! One commit deletes rows before it writes any. So a batch ends before a change that would then have another effect than
//! in a later commit: "Batch cut" (docs/design/ingest-batches.md).

use std::collections::{HashMap, HashSet};

use super::super::change::{Change, Spec};
use super::super::constraints::{CascadeRelation, UniqueIndex};
use super::rejection::Rejection;
use crate::guard::{Guard, is_enforced};
use crate::value::Value;

/// The changes of a batch so far, as far as a constraint concerns them.
#[derive(Default)]
pub(super) struct CommitOrder {
    /// The leading key columns of the rows that were written in descendants, by the relation's index.
    written: HashSet<(usize, Vec<Value>)>,
    /// The leading key columns of the deleted rows whose descendants have a state, by the relation's index.
    deleted: HashSet<(usize, Vec<Value>)>,
    /// The values in a unique index of the rows that were written, by the primary key of the row and by the index's place in
    /// [`Spec::unique_indexes`].
    unique_values: HashMap<usize, HashMap<Vec<Value>, Vec<Value>>>,
}

impl CommitOrder {
    /// Checks that the change may follow the batch's changes so far in one commit.
    ///
    /// # Errors
    /// [`Rejection::NeedsNextCommit`] if the order decides.
    pub(super) fn check(&self, spec: &Spec, change: &Change) -> Result<(), Rejection> {
        let meets = is_enforced(Guard::CascadeEndsBatch) && self.meets_cascade(spec, change)
            || is_enforced(Guard::UniqueIndexEndsBatch) && self.meets_unique_index(spec, change);
        if meets { Err(Rejection::NeedsNextCommit) } else { Ok(()) }
    }

    /// Adds a change that the batch applies.
    pub(super) fn add(&mut self, spec: &Spec, change: &Change) {
        for (index, relation) in spec.cascades.iter().enumerate() {
            if let Some(key) = ancestor_key(spec, relation, change)
                && spec.targets[relation.descendant].state().is_some()
            {
                self.deleted.insert((index, key));
            }
            if let Some(key) = descendant_key(spec, relation, change) {
                self.written.insert((index, key));
            }
        }
        let Change::Row { target, row } = change else { return };
        for (index, unique) in spec.unique_indexes.iter().enumerate().filter(|(_, it)| it.target == *target) {
            let rows = self.unique_values.entry(index).or_default();
            rows.entry(row_key(spec, *target, row)).or_insert_with(|| values_of(unique, row));
        }
    }

    /// Returns whether a delete follows a write of a row that it deletes too, or a change whose state it may have deleted
    /// follows it.
    fn meets_cascade(&self, spec: &Spec, change: &Change) -> bool {
        spec.cascades.iter().enumerate().any(|(index, relation)| {
            ancestor_key(spec, relation, change).is_some_and(|key| self.written.contains(&(index, key)))
                || descendant_key(spec, relation, change)
                    .is_some_and(|key| self.deleted.contains(&(index, key)))
        })
    }

    /// Returns whether a value that a write has found taken may become free in the same commit: by a delete, which may also
    /// cascade, by other values for a written row, or by another target, whose writes are not in the order of the records.
    fn meets_unique_index(&self, spec: &Spec, change: &Change) -> bool {
        let (Change::Row { target, .. } | Change::Delete { target, .. }) = change else { return false };
        let table = &spec.targets[*target].table;
        let of_table = |unique: &UniqueIndex| spec.targets[unique.target].table.eq_ignore_ascii_case(table);
        let cascades_to = |unique: &UniqueIndex| {
            spec.cascades.iter().any(|it| it.ancestor == *target && it.descendant == unique.target)
        };
        let written = spec.unique_indexes.iter().enumerate();
        let mut written =
            written.filter_map(|(index, unique)| Some((unique, self.unique_values.get(&index)?)));
        written.any(|(unique, rows)| match change {
            Change::Delete { .. } if cascades_to(unique) => true,
            _ if !of_table(unique) => false,
            Change::Row { row, .. } if unique.target == *target => {
                let before = rows.get(&row_key(spec, *target, row));
                before.is_some_and(|before| *before != values_of(unique, row))
            }
            _ => true,
        })
    }
}

/// Returns the leading key columns of the row that the change deletes in the relation's ancestor.
fn ancestor_key(spec: &Spec, relation: &CascadeRelation, change: &Change) -> Option<Vec<Value>> {
    match change {
        Change::Delete { target, key, .. } if *target == relation.ancestor => {
            Some(key[..relation.compared_key(spec)].to_vec())
        }
        _ => None,
    }
}

/// Returns the leading key columns of the row that the change writes in the relation's descendant.
fn descendant_key(spec: &Spec, relation: &CascadeRelation, change: &Change) -> Option<Vec<Value>> {
    let compared = relation.compared_key(spec);
    match change {
        Change::Row { target, row } if *target == relation.descendant => {
            Some(spec.targets[*target].key[..compared].iter().map(|&at| row[at].clone()).collect())
        }
        Change::Group { target, key, .. } if *target == relation.descendant => Some(key[..compared].to_vec()),
        _ => None,
    }
}

fn row_key(spec: &Spec, target: usize, row: &[Value]) -> Vec<Value> {
    spec.targets[target].key.iter().map(|&at| row[at].clone()).collect()
}

/// Returns the values of the index's columns in a row.
fn values_of(unique: &UniqueIndex, row: &[Value]) -> Vec<Value> {
    unique.columns.iter().map(|&at| row[at].clone()).collect()
}
