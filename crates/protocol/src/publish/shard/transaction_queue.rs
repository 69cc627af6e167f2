//! The work that waits for a Kafka transaction, in the order in which it came.
//!
//! The queue decides what each transaction contains and when it is due. It also owns the frontiers that
//! transactions store: a frontier moves here when its changes are taken out, so data and frontier are in
//! one transaction ("Data and frontier together", docs/design/publish-frontier-and-lineage.md).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::publish::change_id::ChangeId;
use crate::publish::effect::KafkaTransaction;
use crate::publish::frontier::Frontier;
use crate::publish::limits::ShardLimits;
use crate::publish::snapshot::{RangeId, SnapshotRange};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::publish::token::Token;
use crate::value::Timestamp;

/// The queue of a shard.
pub(super) struct TransactionQueue<D> {
    items: VecDeque<QueuedItem<D>>,
    records: usize,
    bytes: usize,
    /// The earliest time at which an item is due.
    due: Option<Duration>,
    /// The frontier of each token behind the changes that were taken out: what transactions store.
    frontiers: BTreeMap<Token, Frontier>,
    /// While a Spanner transaction is incomplete: the number of items before it.
    items_before_open: Option<usize>,
}

struct QueuedItem<D> {
    work: WorkItem<D>,
    arrived: Duration,
    /// True if the item's Spanner transaction continues behind it.
    continues: bool,
}

/// One piece of work for a Kafka transaction.
pub(super) enum WorkItem<D> {
    /// The records of a change.
    Change { token: Token, at: Timestamp, id: ChangeId, data: Vec<D>, size: usize },
    /// A heartbeat of a token. `is_last` if the token is stopped behind it.
    Heartbeat { token: Token, at: Timestamp, is_last: bool },
    /// The finish of a token.
    Finish { token: Token, state: Vec<StateRecord> },
    /// State records that belong to no token.
    State { state: Vec<StateRecord> },
    /// Rows of a range, and the part of the range that remains behind them.
    Rows { id: RangeId, remaining: SnapshotRange, data: Vec<D>, size: usize },
    /// The end of a range.
    RangeEnd { id: RangeId, state: Vec<StateRecord> },
    /// A record of an auxiliary topic that belongs to no token.
    Auxiliary { data: D, size: usize },
}

/// The next transaction, with the tokens that it finishes.
pub(super) struct NextTransaction<D> {
    pub(super) transaction: KafkaTransaction<D>,
    pub(super) finished: Vec<Token>,
}

impl<D> WorkItem<D> {
    fn due(&self, arrived: Duration, limits: &ShardLimits) -> Duration {
        match self {
            Self::Change { .. } | Self::Auxiliary { .. } | Self::Rows { .. } => arrived + limits.max_wait,
            Self::Heartbeat { is_last: false, .. } => arrived + limits.idle_wait,
            Self::Heartbeat { is_last: true, .. }
            | Self::Finish { .. }
            | Self::State { .. }
            | Self::RangeEnd { .. } => arrived,
        }
    }

    /// The number of data records, and their size in bytes.
    fn load(&self) -> (usize, usize) {
        match self {
            Self::Change { data, size, .. } | Self::Rows { data, size, .. } => (data.len(), *size),
            Self::Auxiliary { size, .. } => (1, *size),
            Self::Heartbeat { .. } | Self::Finish { .. } | Self::State { .. } | Self::RangeEnd { .. } => {
                (0, 0)
            }
        }
    }
}

impl<D> TransactionQueue<D> {
    /// Creates an empty queue.
    pub(super) fn new() -> Self {
        Self {
            items: VecDeque::new(),
            records: 0,
            bytes: 0,
            due: None,
            frontiers: BTreeMap::new(),
            items_before_open: None,
        }
    }

    /// Records that a token is queried from `frontier`. Items of an earlier query of the token stay valid.
    pub(super) fn start_token(&mut self, token: Token, frontier: Frontier) {
        self.frontiers.entry(token).or_insert(frontier);
    }

    /// Adds an item.
    pub(super) fn push(&mut self, work: WorkItem<D>, arrived: Duration, limits: &ShardLimits) {
        let due = work.due(arrived, limits);
        self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
        let (records, bytes) = work.load();
        (self.records, self.bytes) = (self.records + records, self.bytes + bytes);
        self.items.push_back(QueuedItem { work, arrived, continues: self.items_before_open.is_some() });
    }

    /// Updates the waiting heartbeat of a token, if that is the token's last item. Returns false if there
    /// is none. Without this, idle tokens would fill the queue.
    pub(super) fn update_heartbeat(&mut self, token: &Token, to: Timestamp) -> bool {
        let last = self.items.iter_mut().rev().find_map(|item| match &mut item.work {
            WorkItem::Heartbeat { token: of, at, is_last: false } if of == token => Some(Some(at)),
            WorkItem::Heartbeat { token: of, .. }
            | WorkItem::Change { token: of, .. }
            | WorkItem::Finish { token: of, .. }
                if of == token =>
            {
                Some(None)
            }
            _ => None,
        });
        match last.flatten() {
            Some(at) => {
                *at = to;
                true
            }
            None => false,
        }
    }

    /// Opens or closes a Spanner transaction. The items that come while it is open belong to it, and
    /// stay in the queue until it is closed.
    pub(super) fn set_open(&mut self, open: bool) {
        match (open, self.items_before_open) {
            (true, None) => self.items_before_open = Some(self.items.len()),
            (false, Some(before)) => {
                if let Some(last) = self.items.iter_mut().skip(before).next_back() {
                    last.continues = false;
                }
                self.items_before_open = None;
            }
            _ => {}
        }
    }

    /// Returns whether a Spanner transaction is incomplete.
    pub(super) fn is_open(&self) -> bool {
        self.items_before_open.is_some()
    }

    /// The time at which a transaction is due; `None` while every item belongs to an incomplete Spanner
    /// transaction.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due.filter(|_| self.items_before_open != Some(0))
    }

    /// Returns whether a transaction is due.
    pub(super) fn is_due(&self, now: Duration, limits: &ShardLimits) -> bool {
        let is_full = self.records >= limits.max_records || self.bytes >= limits.max_bytes;
        self.items_before_open != Some(0) && (is_full || self.due.is_some_and(|due| due <= now))
    }

    /// Returns false when two transactions wait ("Two batches wait", docs/design/time-and-memory.md). An
    /// incomplete Spanner transaction always has room, because its items wait for its rest.
    pub(super) fn has_room(&self, limits: &ShardLimits) -> bool {
        let has_room = self.records < 2 * limits.max_records && self.bytes < 2 * limits.max_bytes;
        has_room || self.items_before_open.is_some()
    }

    /// Takes the next transaction out. It contains each frontier once, however many changes of its token
    /// it contains.
    ///
    /// # Panics
    /// If a change or heartbeat belongs to a token that was never started.
    pub(super) fn take(&mut self, shard: u32, limits: &ShardLimits) -> NextTransaction<D> {
        let (mut data, mut state, mut bytes) = (Vec::new(), Vec::new(), 0);
        let (mut moved, mut finished) = (BTreeSet::new(), Vec::new());
        let mut ranges = BTreeMap::new();
        while self.items_before_open != Some(0)
            && let Some(item) = self.items.pop_front()
        {
            self.items_before_open = self.items_before_open.map(|before| before - 1);
            let (records, size) = item.work.load();
            (self.records, self.bytes, bytes) = (self.records - records, self.bytes - size, bytes + size);
            match item.work {
                WorkItem::Change { token, at, id, data: mut records, .. } => {
                    data.append(&mut records);
                    self.frontiers.get_mut(&token).expect("a token starts before its changes").add(at, id);
                    moved.insert(token);
                }
                WorkItem::Heartbeat { token, at, .. } => {
                    let frontier =
                        self.frontiers.get_mut(&token).expect("a token starts before its heartbeats");
                    frontier.advance(at);
                    moved.insert(token);
                }
                WorkItem::Finish { token, state: records } => {
                    moved.remove(&token);
                    self.frontiers.remove(&token);
                    state.extend(records);
                    finished.push(token);
                }
                WorkItem::State { state: records } => state.extend(records),
                WorkItem::Rows { id, remaining, data: mut rows, .. } => {
                    data.append(&mut rows);
                    ranges.insert(id, remaining);
                }
                WorkItem::RangeEnd { id, state: records } => {
                    ranges.remove(&id);
                    state.extend(records);
                }
                WorkItem::Auxiliary { data: record, .. } => data.push(record),
            }
            if !item.continues && (data.len() >= limits.max_records || bytes >= limits.max_bytes) {
                break;
            }
        }
        state.extend(moved.into_iter().map(|token| StateRecord {
            shard,
            value: self.frontiers.get(&token).cloned().map(StateValue::Token),
            key: StateKey::Token(token),
        }));
        state.extend(ranges.into_iter().map(|(id, remaining)| StateRecord {
            shard,
            key: StateKey::Range(id),
            value: Some(StateValue::Range(remaining)),
        }));
        self.due = self.items.iter().map(|item| item.work.due(item.arrived, limits)).min();
        NextTransaction { transaction: KafkaTransaction { data, state }, finished }
    }
}
