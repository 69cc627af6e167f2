//! The rows that a batch writes and deletes.

use std::collections::HashMap;

use super::super::change::{RowKey, RowTarget, Spec, Target, TargetKind};
use super::super::dead_letter::Failure;
use super::{Known, Refusal};
use crate::mutation::{Mutation, Write};
use crate::value::Value;

/// A row of a table, whichever target writes it: the first target of that table, and the primary key.
type Place = (usize, Vec<Value>);

pub(super) struct Rows {
    /// The first target that writes the same table, for each target.
    tables: Vec<usize>,
    changes: HashMap<Place, Op>,
    /// The versions of rows behind the batch's changes so far.
    versions: HashMap<RowKey, Option<Value>>,
}

/// What a batch does to one row.
#[derive(Clone)]
struct Op {
    /// The place of the record that was last.
    order: usize,
    target: usize,
    /// The row is deleted, before anything is written.
    deletes: bool,
    row: Option<Vec<Value>>,
}

/// One record's changes.
pub(super) struct Stage<'a> {
    rows: &'a Rows,
    order: usize,
    staged: Staged,
}

#[derive(Default)]
pub(super) struct Staged {
    changes: HashMap<Place, Op>,
    versions: HashMap<RowKey, Option<Value>>,
}

impl Rows {
    pub(super) fn new(spec: &Spec) -> Self {
        let same = |one: &Target, other: &Target| one.table.eq_ignore_ascii_case(&other.table);
        let first = |target| spec.targets.iter().position(|other| same(target, other)).unwrap_or_default();
        Self {
            tables: spec.targets.iter().map(first).collect(),
            changes: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    /// `order` is the record's place in the batch.
    pub(super) fn stage(&self, order: usize) -> Stage<'_> {
        Stage { rows: self, order, staged: Staged::default() }
    }

    pub(super) fn apply(&mut self, staged: Staged) {
        self.changes.extend(staged.changes);
        self.versions.extend(staged.versions);
    }

    /// All deletes, an interleaved child's before its parent's when the file names the parent first.
    pub(super) fn deletes(&self, spec: &Spec) -> Vec<Mutation> {
        let mutation = |target: usize| {
            let deleted = |op: &Op| op.deletes;
            let rows: Vec<_> = self.of(target, deleted).map(|((_, key), _)| key.clone()).collect();
            let Target { table, columns, key, .. } = &spec.targets[target];
            let columns = key.iter().map(|&at| columns[at].clone()).collect();
            (!rows.is_empty()).then(|| Mutation { write: Write::Delete, table: table.clone(), columns, rows })
        };
        (0..spec.targets.len()).rev().filter_map(mutation).collect()
    }

    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let rows: Vec<_> =
            self.of(target, |op| op.row.is_some()).filter_map(|(_, op)| op.row.clone()).collect();
        let Target { table, columns, kind: TargetKind::Rows(kind), .. } = &spec.targets[target] else {
            return None;
        };
        let (table, columns) = (table.clone(), columns.clone());
        (!rows.is_empty()).then_some(Mutation { write: kind.write, table, columns, rows })
    }

    /// In the order of the records.
    fn of(&self, target: usize, which: fn(&Op) -> bool) -> impl Iterator<Item = (&Place, &Op)> {
        let mut found: Vec<_> =
            self.changes.iter().filter(|(_, op)| op.target == target && which(op)).collect();
        found.sort_unstable_by_key(|(_, op)| op.order);
        found.into_iter()
    }
}

impl Stage<'_> {
    /// False when the row that is there is newer.
    pub(super) fn write(
        &mut self,
        spec: &Spec,
        number: usize,
        row: &[Value],
        known: &Known,
    ) -> Result<bool, Refusal> {
        let target = &spec.targets[number];
        let key: Vec<Value> = target.key.iter().map(|&at| row[at].clone()).collect();
        if let Some(version) = versions(target) {
            let at = RowKey { target: number, key: key.clone() };
            if self.version(&at, known).is_some_and(|there| row[version] < there) {
                return Ok(false);
            }
            self.staged.versions.insert(at, Some(row[version].clone()));
        }
        let op = Op { order: self.order, target: number, deletes: false, row: Some(row.to_vec()) };
        self.put(target, key, op)?;
        Ok(true)
    }

    /// False when the row that is there is newer.
    pub(super) fn delete(
        &mut self,
        spec: &Spec,
        number: usize,
        key: &[Value],
        version: Option<&Value>,
        known: &Known,
    ) -> Result<bool, Refusal> {
        let target = &spec.targets[number];
        if versions(target).is_some() {
            let at = RowKey { target: number, key: key.to_vec() };
            if let (Some(version), Some(there)) = (version, self.version(&at, known))
                && *version < there
            {
                return Ok(false);
            }
            self.staged.versions.insert(at, None);
        }
        let op = Op { order: self.order, target: number, deletes: true, row: None };
        self.put(target, key.to_vec(), op)?;
        Ok(true)
    }

    pub(super) fn finish(self) -> Staged {
        self.staged
    }

    fn version(&self, key: &RowKey, known: &Known) -> Option<Value> {
        let within = self.staged.versions.get(key).or_else(|| self.rows.versions.get(key));
        within.cloned().unwrap_or_else(|| known.get(key).and_then(|state| state.first().cloned()))
    }

    fn put(&mut self, target: &Target, key: Vec<Value>, op: Op) -> Result<(), Refusal> {
        let place = (self.rows.tables[op.target], key);
        if self.staged.changes.contains_key(&place) {
            let message = format!("{}: two mappings change the same row for one record", target.table);
            return Err(Failure::new("SB-INGEST-CONFLICT", message).into());
        }
        let op = match self.rows.changes.get(&place) {
            Some(before) => together(target, before, op).ok_or(Refusal::Apart)?,
            None => op,
        };
        self.staged.changes.insert(place, op);
        Ok(())
    }
}

fn versions(target: &Target) -> Option<usize> {
    match target.kind {
        TargetKind::Rows(RowTarget { version, .. }) => version,
        TargetKind::Groups(_) => None,
    }
}

/// Two changes of one row as one, where a commit of both means what two commits mean.
fn together(target: &Target, before: &Op, after: Op) -> Option<Op> {
    let TargetKind::Rows(RowTarget { write, .. }) = target.kind else { return None };
    // The columns of another mapping are not these.
    if before.target != after.target {
        return None;
    }
    let fits = match (write, before.row.is_some(), after.row.is_some()) {
        (Write::Upsert, _, _) | (_, false, false) | (Write::Insert, false, true) => true,
        // The first decides whether the row is there, the second what it holds.
        (Write::Update, true, true) => true,
        _ => false,
    };
    fits.then_some(Op { deletes: before.deletes || after.deletes, ..after })
}
