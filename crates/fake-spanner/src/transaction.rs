use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::value::Timestamp;
use tokio::sync::Mutex;

use crate::refusal::{Error, Result};
use crate::schema::TableId;
use crate::span::Span;
use crate::store::Footprint;

/// How many transactions are remembered, open or committed.
const MOST: usize = 1000;

/// What a commit answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    pub(crate) timestamp: Timestamp,
    pub(crate) mutations: usize,
}

/// A committed transaction's answer, which its commit gets again however often it is sent. Held while the
/// commit is executed.
pub(crate) type Outcome = Arc<Mutex<Option<Committed>>>;

/// The read-write transactions of a database.
///
/// Reads take no lock. Instead, a commit spoils every open transaction that has read what it changes, and
/// one that is spoilt ends with ABORTED when it wants to commit: the first to commit wins. Spanner's locks
/// let the older win, at the earliest moment; which of two transactions loses is nothing that a service may
/// count on, and this way none waits for one that its client has forgotten.
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
    /// Left out of the change streams that allow it.
    excluded: bool,
}

impl Transactions {
    /// Begins one. Beyond the most that are remembered, the oldest is forgotten: aborted, if it was open.
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
    /// ABORTED when somebody has changed what it has read.
    pub(crate) fn check(&mut self, id: u64) -> Result<()> {
        if self.get(id)?.spoilt { Err(aborted()) } else { Ok(()) }
    }

    /// A commit has changed these keys.
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

/// What an abort asks its client to wait.
pub(crate) const RETRY: std::time::Duration = std::time::Duration::from_millis(5);
