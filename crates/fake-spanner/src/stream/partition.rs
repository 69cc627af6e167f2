//! One partition of a change stream.

use std::sync::Arc;

use spanbridge_protocol::value::Timestamp;
use tokio::sync::watch;

use super::record::Record;

/// One partition of a change stream, and the faults that a test injects into its queries.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) token: String,
    pub(super) parents: Vec<String>,
    /// The slots of the partition.
    pub(super) from: u32,
    pub(super) until: u32,
    /// The start of its records (inclusive), and their end (exclusive).
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    /// The indexes of its children.
    pub(super) children: Vec<usize>,
    pub(super) records: Vec<Arc<Record>>,
    /// The number of records that its queries may still return; `None` is unlimited.
    pub(super) allowance: Option<usize>,
    /// The number of times its queries were ended without children, and interrupted.
    pub(super) dropped: u64,
    pub(super) broken: u64,
    /// The number of running queries.
    pub(super) queries: usize,
    pub(super) told: usize,
    /// Notified after every change.
    news: watch::Sender<()>,
}

impl Partition {
    pub(super) fn new(
        token: String,
        parents: Vec<String>,
        slots: std::ops::Range<u32>,
        start: Timestamp,
    ) -> Self {
        Self {
            token,
            parents,
            from: slots.start,
            until: slots.end,
            start,
            end: None,
            children: Vec::new(),
            records: Vec::new(),
            allowance: None,
            dropped: 0,
            broken: 0,
            queries: 0,
            told: 0,
            news: watch::channel(()).0,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.end.is_none()
    }

    pub(super) fn has(&self, slot: u32) -> bool {
        (self.from..self.until).contains(&slot)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }

    /// Returns the index of the first record at or after this timestamp.
    pub(super) fn place(&self, start: Timestamp) -> usize {
        self.records.partition_point(|record| record.timestamp < start)
    }

    /// Returns the records of the commit timestamp at this index, unless they are later than `until`. The order of several
    /// transactions changes with each call.
    pub(super) fn at(&self, place: usize, until: Timestamp, turn: usize) -> Vec<Arc<Record>> {
        let first = self.records.get(place).filter(|first| first.timestamp <= until);
        let Some(first) = first else { return Vec::new() };
        let same = self.records[place..].iter().take_while(|record| record.timestamp == first.timestamp);
        let mut transactions: Vec<Vec<Arc<Record>>> = Vec::new();
        for record in same {
            match transactions.last_mut() {
                Some(last) if last[0].transaction == record.transaction => last.push(record.clone()),
                _ => transactions.push(vec![record.clone()]),
            }
        }
        let turn = turn % transactions.len();
        transactions.rotate_left(turn);
        transactions.into_iter().flatten().collect()
    }
}
