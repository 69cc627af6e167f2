//! The constraints of a database by which the order of two changes decides.
//!
//! The service reads them from the catalog when it compiles the mapping: [`Spec::with_constraints`] adds them to the
//! tables of a pipeline. `fold/commit_order` ends a batch where they require it: "Batch cut"
//! (docs/design/ingest-batches.md).

use super::change::{Spec, TargetKind};

/// A table whose rows a delete in another table concerns: Spanner deletes them too, or refuses the delete while they exist.
///
/// The tables are interleaved with ON DELETE CASCADE or have a foreign key, also over tables in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CascadeRelation {
    /// The index of the target whose deletes cascade.
    pub ancestor: usize,
    /// The index of the target whose rows are deleted.
    pub descendant: usize,
    /// The number of key columns with which both primary keys begin, and whose values are equal in related rows. With 0,
    /// every delete of the ancestor may concern every row of the descendant, as with foreign keys.
    pub shared_key: usize,
}

/// A unique index of a target's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueIndex {
    /// The index of the target.
    pub target: usize,
    /// The indexes in [`Target::columns`](super::Target::columns) of the index's columns that the target writes.
    pub columns: Vec<usize>,
}

impl Spec {
    /// Adds the constraints of the tables.
    ///
    /// A cascade deletes rows that the worker has not written, so their states are read under lock instead of being cached.
    pub fn with_constraints(
        mut self,
        cascades: Vec<CascadeRelation>,
        unique_indexes: Vec<UniqueIndex>,
    ) -> Self {
        for relation in &cascades {
            let descendant = &mut self.targets[relation.descendant];
            descendant.locking |= descendant.state().is_some();
        }
        Self { cascades, unique_indexes, ..self }
    }

    /// Returns whether the order of two changes may decide.
    pub(super) fn has_constraints(&self) -> bool {
        !(self.cascades.is_empty() && self.unique_indexes.is_empty())
    }
}

impl CascadeRelation {
    /// Returns the number of leading key columns to compare in the keys of the descendant's changes.
    ///
    /// The key of a group lacks the bound of its window, so only the columns before the bound count.
    pub(super) fn compared_key(&self, spec: &Spec) -> usize {
        let bound = match &spec.targets[self.descendant].kind {
            TargetKind::Groups(groups) => groups.window.map(|window| window.at),
            TargetKind::Rows(_) => None,
        };
        bound.map_or(self.shared_key, |bound| bound.min(self.shared_key))
    }
}
