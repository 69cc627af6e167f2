//! The rows that a batch writes and deletes, where one record writes one row.

use std::collections::HashMap;

use super::super::change::{RowKey, RowTarget, Spec, Target, TargetKind};
use super::super::failure::Failure;
use super::rejection::Rejection;
use super::stored_states::StoredStates;
use crate::mutation::{Mutation, Write};
use crate::value::Value;

/// The identity of a row of a table, whichever target writes it: the first target of that table, and the
/// primary key.
type TableRow = (usize, Vec<Value>);

/// The rows that a batch writes and deletes.
pub(super) struct RowWrites {
    /// For each target, the first target that writes the same table.
    first_targets: Vec<usize>,
    /// For each target, whether its table has a unique index.
    has_unique_index: Vec<bool>,
    changes: HashMap<TableRow, RowChange>,
    /// The versions of rows after the batch's changes so far.
    versions: HashMap<RowKey, Option<Value>>,
}

/// The change of one row by a batch.
#[derive(Clone)]
struct RowChange {
    /// The index in the batch of the record that determines the row's place among the writes of its target.
    order: usize,
    target: usize,
    /// True if the row is deleted, before anything is written.
    deletes: bool,
    row: Option<Vec<Value>>,
}

/// The rows that one record changes.
pub(super) struct StagedRowWrites<'a> {
    applied: &'a RowWrites,
    order: usize,
    staged: ChangedRows,
}

/// The changed rows of one record, to be applied.
#[derive(Default)]
pub(super) struct ChangedRows {
    changes: HashMap<TableRow, RowChange>,
    versions: HashMap<RowKey, Option<Value>>,
}

impl RowWrites {
    /// Creates the writes of an empty batch.
    pub(super) fn new(spec: &Spec) -> Self {
        let is_same = |one: &Target, other: &Target| one.table.eq_ignore_ascii_case(&other.table);
        let first = |target| spec.targets.iter().position(|other| is_same(target, other)).unwrap_or_default();
        let has_unique_index = |target| spec.unique_indexes.iter().any(|unique| unique.target == target);
        Self {
            has_unique_index: (0..spec.targets.len()).map(has_unique_index).collect(),
            first_targets: spec.targets.iter().map(first).collect(),
            changes: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    /// Begins the changes of one record. `order` is the record's index in the batch.
    pub(super) fn stage(&self, order: usize) -> StagedRowWrites<'_> {
        StagedRowWrites { applied: self, order, staged: ChangedRows::default() }
    }

    /// Applies the changes of one record.
    pub(super) fn apply(&mut self, changed: ChangedRows) {
        self.changes.extend(changed.changes);
        self.versions.extend(changed.versions);
    }

    /// Returns all deletes, in reverse target order. So the rows of an interleaved child are deleted before
    /// its parent if the file names the parent first.
    pub(super) fn deletes(&self, spec: &Spec) -> Vec<Mutation> {
        let mutation = |target: usize| {
            let deletes = |change: &RowChange| change.deletes;
            let rows: Vec<_> = self.of(target, deletes).map(|((_, key), _)| key.clone()).collect();
            let Target { table, columns, key, .. } = &spec.targets[target];
            let columns = key.iter().map(|&at| columns[at].clone()).collect();
            (!rows.is_empty()).then(|| Mutation { write: Write::Delete, table: table.clone(), columns, rows })
        };
        (0..spec.targets.len()).rev().filter_map(mutation).collect()
    }

    /// Returns the mutation that writes the rows of a target, if there are any.
    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let writes = |change: &RowChange| change.row.is_some();
        let rows: Vec<_> = self.of(target, writes).filter_map(|(_, change)| change.row.clone()).collect();
        let Target { table, columns, kind: TargetKind::Rows(kind), .. } = &spec.targets[target] else {
            return None;
        };
        let (table, columns) = (table.clone(), columns.clone());
        (!rows.is_empty()).then_some(Mutation { write: kind.write, table, columns, rows })
    }

    /// Returns the changes of a target that pass a filter, in the order of the records.
    fn of(
        &self,
        target: usize,
        filter: fn(&RowChange) -> bool,
    ) -> impl Iterator<Item = (&TableRow, &RowChange)> {
        let of_target = |(_, change): &(&TableRow, &RowChange)| change.target == target && filter(change);
        let mut changes: Vec<_> = self.changes.iter().filter(of_target).collect();
        changes.sort_unstable_by_key(|(_, change)| change.order);
        changes.into_iter()
    }
}

impl StagedRowWrites<'_> {
    /// Writes a row. Returns false if the stored row is newer.
    ///
    /// # Errors
    /// If the change cannot share the record or the commit with an earlier change of the row.
    pub(super) fn write(
        &mut self,
        spec: &Spec,
        index: usize,
        row: &[Value],
        known: &StoredStates,
    ) -> Result<bool, Rejection> {
        let target = &spec.targets[index];
        let key: Vec<Value> = target.key.iter().map(|&at| row[at].clone()).collect();
        if let Some(version) = version_column(target) {
            let row_key = RowKey { target: index, key: key.clone() };
            if self.version(&row_key, known).is_some_and(|stored| row[version] < stored) {
                return Ok(false);
            }
            self.staged.versions.insert(row_key, Some(row[version].clone()));
        }
        let change = RowChange { order: self.order, target: index, deletes: false, row: Some(row.to_vec()) };
        self.put(target, key, change)?;
        Ok(true)
    }

    /// Deletes a row. Returns false if the stored row is newer.
    ///
    /// # Errors
    /// If the change cannot share the record or the commit with an earlier change of the row.
    pub(super) fn delete(
        &mut self,
        spec: &Spec,
        index: usize,
        key: &[Value],
        version: Option<&Value>,
        known: &StoredStates,
    ) -> Result<bool, Rejection> {
        let target = &spec.targets[index];
        if version_column(target).is_some() {
            let row_key = RowKey { target: index, key: key.to_vec() };
            if let (Some(version), Some(stored)) = (version, self.version(&row_key, known))
                && *version < stored
            {
                return Ok(false);
            }
            self.staged.versions.insert(row_key, None);
        }
        let change = RowChange { order: self.order, target: index, deletes: true, row: None };
        self.put(target, key.to_vec(), change)?;
        Ok(true)
    }

    /// Returns the changes, to be applied.
    pub(super) fn finish(self) -> ChangedRows {
        self.staged
    }

    /// Returns the version of a row after the changes so far.
    fn version(&self, key: &RowKey, known: &StoredStates) -> Option<Value> {
        let changed = self.staged.versions.get(key).or_else(|| self.applied.versions.get(key));
        changed.cloned().unwrap_or_else(|| known.get(key).and_then(|state| state.first().cloned()))
    }

    fn put(&mut self, target: &Target, key: Vec<Value>, change: RowChange) -> Result<(), Rejection> {
        let row = (self.applied.first_targets[change.target], key);
        if self.staged.changes.contains_key(&row) {
            let message = format!("{}: two mappings change the same row for one record", target.table);
            return Err(Failure::new("SB-INGEST-CONFLICT", message).into());
        }
        let change = match self.applied.changes.get(&row) {
            Some(before) => {
                let is_unique = self.applied.has_unique_index[change.target];
                combine(target, before, change, is_unique).ok_or(Rejection::NeedsNextCommit)?
            }
            None => change,
        };
        self.staged.changes.insert(row, change);
        Ok(())
    }
}

fn version_column(target: &Target) -> Option<usize> {
    match target.kind {
        TargetKind::Rows(RowTarget { version, .. }) => version,
        TargetKind::Groups(_) => None,
    }
}

/// Combines two changes of one row, if one commit of both has the effect of two commits.
///
/// A row of a table with a unique index keeps the place of its first write. There it takes its values in the index, which
/// the rows that are written later in the batch may free.
fn combine(
    target: &Target,
    before: &RowChange,
    after: RowChange,
    has_unique_index: bool,
) -> Option<RowChange> {
    let TargetKind::Rows(RowTarget { write, .. }) = target.kind else { return None };
    // Two targets may write different columns of the row.
    if before.target != after.target {
        return None;
    }
    let fits = match (write, before.row.is_some(), after.row.is_some()) {
        (Write::Upsert, _, _) | (_, false, false) | (Write::Insert, false, true) => true,
        // The first update requires that the row exists, the second one sets its content.
        (Write::Update, true, true) => true,
        _ => false,
    };
    let keeps_place = has_unique_index && before.row.is_some() && after.row.is_some();
    let order = if keeps_place { before.order } else { after.order };
    fits.then_some(RowChange { order, deletes: before.deletes || after.deletes, ..after })
}
