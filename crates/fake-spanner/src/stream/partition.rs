use std::sync::Arc;

use spanbridge_protocol::value::Timestamp;
use tokio::sync::watch;

use super::record::Record;

/// One partition of a change stream, and what a test does to its queries.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) token: String,
    pub(super) parents: Vec<String>,
    /// Its slots.
    pub(super) from: u32,
    pub(super) until: u32,
    /// Its records are from then on, and before the end.
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    /// Their places.
    pub(super) children: Vec<usize>,
    pub(super) records: Vec<Arc<Record>>,
    /// How many records its queries may still tell; as many as there are without it.
    pub(super) allowance: Option<usize>,
    /// How often its queries were ended without children, and broken off.
    pub(super) dropped: u64,
    pub(super) broken: u64,
    /// Queries that run.
    pub(super) queries: usize,
    pub(super) told: usize,
    /// Told after every change.
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

    /// Where the records at or behind this timestamp begin.
    pub(super) fn place(&self, start: Timestamp) -> usize {
        self.records.partition_point(|record| record.timestamp < start)
    }

    /// The records of the commit timestamp at this place, unless they are later than `until`. Of several transactions
    /// another one comes first each time.
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
