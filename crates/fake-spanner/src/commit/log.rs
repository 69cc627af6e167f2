use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spanbridge_protocol::value::Timestamp;
use tonic::Code;

use crate::fault::Fault;

/// How a commit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Blind: one request, without a transaction before it.
    SingleUse,
    /// The end of a read-write transaction.
    ReadWrite,
}

/// How many rows of a table a commit left changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// `schema.table` in a named schema.
    pub table: String,
    pub written: usize,
    /// With those that went with their parents.
    pub deleted: usize,
}

/// One commit, or one execution of it, or one that a fault kept from being executed.
#[derive(Debug, Clone)]
pub struct CommitRecord {
    pub kind: Kind,
    /// The transaction tag; empty without one.
    pub tag: String,
    /// `Ok` when it took effect, which the answer need not have said.
    pub code: Code,
    /// When it took effect.
    pub timestamp: Option<Timestamp>,
    /// What it changed; empty when it did not take effect.
    pub tables: Vec<TableRows>,
    /// As Spanner counts.
    pub mutations: usize,
    /// Of all values.
    pub bytes: usize,
    /// How many commits were being executed when this one began, with itself. 0 for one that was not executed.
    pub concurrent: usize,
    /// How long it waited for earlier commits of the same rows.
    pub waited: Duration,
    /// What was done to it.
    pub fault: Option<Fault>,
}

/// The commits, in the order in which they ended: the newest of them.
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

    /// The newest commits, oldest first.
    pub fn records(&self) -> Vec<CommitRecord> {
        self.lock().records.iter().cloned().collect()
    }

    /// How many were being executed at once, at most.
    pub fn peak(&self) -> usize {
        self.lock().peak
    }

    /// Forgets all of them, for the next measurement.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.records.clear();
        inner.peak = inner.running;
    }

    /// The commit is recorded when the draft is dropped.
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

/// A record that is being written.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    log: &'a CommitLog,
    pub(crate) record: CommitRecord,
}

impl<'a> Draft<'a> {
    /// The commit is executed until the guard is dropped.
    pub(crate) fn runs(&mut self) -> Running<'a> {
        let mut inner = self.log.lock();
        inner.running += 1;
        inner.peak = inner.peak.max(inner.running);
        self.record.concurrent = inner.running;
        Running(self.log)
    }
}

/// A commit that is being executed.
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
