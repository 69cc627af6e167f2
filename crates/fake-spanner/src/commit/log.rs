//! The log of commits, for assertions and measurements.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spanbridge_protocol::value::Timestamp;
use tonic::Code;

use crate::fault::Fault;

/// The kind of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A blind commit: one request without a preceding transaction.
    SingleUse,
    /// The end of a read-write transaction.
    ReadWrite,
}

/// The number of rows of a table that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// The table; `schema.table` in a named schema.
    pub table: String,
    /// The written rows.
    pub written: usize,
    /// The deleted rows, including those deleted with their parents.
    pub deleted: usize,
}

/// One execution of a commit, or a commit that a fault kept from being executed.
#[derive(Debug, Clone)]
pub struct CommitRecord {
    /// The kind of the commit.
    pub kind: Kind,
    /// The transaction tag; empty without one.
    pub tag: String,
    /// The outcome: `Ok` when it took effect, even if the answer was lost.
    pub code: Code,
    /// The commit timestamp, if it took effect.
    pub timestamp: Option<Timestamp>,
    /// The changed rows of each table; empty if it did not take effect.
    pub tables: Vec<TableRows>,
    /// The number of mutations, as Spanner counts them.
    pub mutations: usize,
    /// The size of all values, in bytes.
    pub bytes: usize,
    /// The number of running commits when this one began, including itself; 0 if it was not executed.
    pub concurrent: usize,
    /// The time it waited for earlier commits of the same rows.
    pub waited: Duration,
    /// The injected fault.
    pub fault: Option<Fault>,
}

/// The newest commits, in the order in which they ended.
#[derive(Debug)]
pub struct CommitLog {
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<CommitRecord>,
    running: usize,
    peak: usize,
}

impl CommitLog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, inner: Mutex::default() }
    }

    /// Returns the commits, oldest first.
    pub fn records(&self) -> Vec<CommitRecord> {
        self.lock().records.iter().cloned().collect()
    }

    /// Returns the greatest number of commits that ran at once.
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    /// Clears the log, for the next measurement.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.records.clear();
        inner.peak = inner.running;
    }

    /// Starts the record of a commit; dropping the draft adds it to the log.
    pub(crate) fn draft(&self, kind: Kind, tag: &str, fault: Option<Fault>) -> Draft<'_> {
        let record = CommitRecord {
            kind,
            tag: tag.to_owned(),
            code: Code::Cancelled,
            timestamp: None,
            tables: Vec::new(),
            mutations: 0,
            bytes: 0,
            concurrent: 0,
            waited: Duration::ZERO,
            fault,
        };
        Draft { log: self, record }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record of a commit that has not ended.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    log: &'a CommitLog,
    pub(crate) record: CommitRecord,
}

impl<'a> Draft<'a> {
    /// Counts the commit as running until the guard is dropped.
    pub(crate) fn runs(&mut self) -> Running<'a> {
        let mut inner = self.log.lock();
        inner.running += 1;
        inner.peak = inner.peak.max(inner.running);
        self.record.concurrent = inner.running;
        Running(self.log)
    }
}

/// A running commit.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a CommitLog);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let mut inner = self.log.lock();
        if inner.records.len() >= self.log.capacity {
            inner.records.pop_front();
        }
        inner.records.push_back(self.record.clone());
    }
}
