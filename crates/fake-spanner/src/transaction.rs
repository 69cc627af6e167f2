//! Read-write transactions.

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::value::Timestamp;
use tokio::sync::Mutex;

use crate::refusal::{Error, Result};
use crate::schema::TableId;
use crate::span::Span;
use crate::store::Footprint;

/// The greatest number of stored transactions, open or committed.
const MOST: usize = 1000;

/// The answer to a commit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    pub(crate) timestamp: Timestamp,
    pub(crate) mutations: usize,
}

/// The answer of a committed transaction, which every repetition of its commit receives. Locked while the commit runs.
pub(crate) type Outcome = Arc<Mutex<Option<Committed>>>;

/// The read-write transactions of a database.
///
/// Reads take no lock. Instead, a commit invalidates every open transaction that has read a key that it changes, and an
/// invalidated transaction fails with ABORTED at its commit: the first to commit wins. With Spanner's locks the older
/// transaction wins, as early as possible. A service must not rely on which of two transactions loses, and without locks
/// no transaction waits for one that its client has abandoned.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    last: u64,
    open: BTreeMap<u64, Open>,
}

#[derive(Debug, Default)]
struct Open {
    reads: Footprint,
    spoilt: bool,
    outcome: Outcome,
    /// True to exclude the commit from change streams that allow it.
    excluded: bool,
}

impl Transactions {
    /// Begins a transaction. Above the greatest number, the oldest is removed, and aborted if it was open.
    pub(crate) fn begin(&mut self, excluded: bool) -> u64 {
        self.last += 1;
        self.open.insert(self.last, Open { excluded, ..Open::default() });
        if self.open.len() > MOST {
            self.open.pop_first();
        }
        self.last
    }

    pub(crate) fn read(&mut self, id: u64, table: TableId, spans: &[Span]) -> Result<()> {
        self.get(id)?.reads.read(table, spans.iter().cloned());
        Ok(())
    }

    pub(crate) fn reads(&mut self, id: u64) -> Result<&Footprint> {
        self.get(id).map(|open| &open.reads)
    }

    pub(crate) fn outcome(&mut self, id: u64) -> Result<Outcome> {
        self.get(id).map(|open| open.outcome.clone())
    }

    pub(crate) fn is_excluded(&mut self, id: u64) -> Result<bool> {
        self.get(id).map(|open| open.excluded)
    }

    /// # Errors
    /// ABORTED when another commit has changed a key that it has read.
    pub(crate) fn check(&mut self, id: u64) -> Result<()> {
        if self.get(id)?.spoilt { Err(aborted()) } else { Ok(()) }
    }

    /// Invalidates the transactions that have read these keys.
    pub(crate) fn spoil(&mut self, changed: &Footprint, by: Option<u64>) {
        for (id, open) in &mut self.open {
            open.spoilt |= Some(*id) != by && changed.changes_reads_of(&open.reads);
        }
    }

    pub(crate) fn roll_back(&mut self, id: u64) {
        self.open.remove(&id);
    }

    fn get(&mut self, id: u64) -> Result<&mut Open> {
        let known = id <= self.last;
        self.open.get_mut(&id).ok_or_else(|| match known {
            true => aborted(),
            false => Error::invalid("Invalid transaction ID."),
        })
    }
}

fn aborted() -> Error {
    Error::aborted("Transaction was aborted.", RETRY)
}

/// The retry delay of an abort.
pub(crate) const RETRY: std::time::Duration = std::time::Duration::from_millis(5);
