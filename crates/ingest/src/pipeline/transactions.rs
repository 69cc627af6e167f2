//! Transactions that have read under lock and wait for their commit, by attempt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_spanner::ReadWrite;

/// As many as there are commits in flight. One that is dropped is rolled back.
#[derive(Clone, Default)]
pub(super) struct Transactions(Arc<Mutex<HashMap<u64, ReadWrite>>>);

impl Transactions {
    pub(super) fn keep(&self, attempt: u64, transaction: ReadWrite) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, transaction);
    }

    pub(super) fn take(&self, attempt: u64) -> Option<ReadWrite> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt)
    }
}
