//! The records of a partition that are done.

use std::collections::BTreeSet;

/// The identities of records that were applied, or that a skip has passed over.
#[derive(Default)]
pub(super) struct AppliedRecords {
    applied: BTreeSet<u64>,
    skipped: BTreeSet<u64>,
}

impl AppliedRecords {
    /// Returns whether a record is done.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.applied.contains(&id) || self.skipped.contains(&id)
    }

    /// Adds an applied record. Returns false if it was applied before.
    pub(super) fn add(&mut self, id: u64) -> bool {
        self.applied.insert(id)
    }

    /// Adds records that a skip has passed over.
    pub(super) fn skip(&mut self, ids: impl Iterator<Item = u64>) {
        self.skipped.extend(ids);
    }
}
