//! Transactions between a read under lock and their commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_spanner::ReadWrite;

/// The open transactions by attempt, at most one per commit in flight. A dropped transaction is rolled back.
#[derive(Clone, Default)]
pub(super) struct OpenTransactions(Arc<Mutex<HashMap<u64, ReadWrite>>>);

impl OpenTransactions {
    pub(super) fn keep(&self, attempt: u64, transaction: ReadWrite) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, transaction);
    }

    pub(super) fn take(&self, attempt: u64) -> Option<ReadWrite> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt)
    }
}
