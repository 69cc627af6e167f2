use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::publish::effect::{ChangeId, KafkaTransaction, ShardLimits};
use crate::publish::frontier::Frontier;
use crate::publish::snapshot::{RangeId, SnapshotRange};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::publish::token::Token;
use crate::value::Timestamp;

/// What waits for a transaction, in the order in which it came.
pub(super) struct Queue<D> {
    items: VecDeque<Item<D>>,
    records: usize,
    bytes: usize,
    /// The least due time.
    due: Option<Duration>,
    /// How far each token has been taken out: the frontiers that transactions hold.
    taken: BTreeMap<Token, Frontier>,
    /// While a Spanner transaction is not whole: the items in front of it.
    open: Option<usize>,
}

pub(super) struct Item<D> {
    pub(super) what: What<D>,
    pub(super) arrived: Duration,
    /// Its Spanner transaction goes on behind it.
    goes_on: bool,
}

pub(super) enum What<D> {
    Change {
        token: Token,
        at: Timestamp,
        id: ChangeId,
        data: Vec<D>,
        size: usize,
    },
    /// All changes of the token up to there have come; `last` when none will be read any more.
    Heartbeat {
        token: Token,
        at: Timestamp,
        last: bool,
    },
    Finish {
        token: Token,
        state: Vec<StateRecord>,
    },
    /// Of the pipeline as a whole: its beginning, or a step of rows that are read again.
    Step {
        state: Vec<StateRecord>,
    },
    /// Rows of a range, and what they leave of it.
    Page {
        id: RangeId,
        rest: SnapshotRange,
        data: Vec<D>,
        size: usize,
    },
    RangeEnd {
        id: RangeId,
        state: Vec<StateRecord>,
    },
    /// Data that belongs to no token.
    Aside {
        data: D,
        size: usize,
    },
}

/// What was taken out, with the tokens that finish by it.
pub(super) struct Taken<D> {
    pub(super) transaction: KafkaTransaction<D>,
    pub(super) finished: Vec<Token>,
}

impl<D> What<D> {
    fn due(&self, arrived: Duration, limits: &ShardLimits) -> Duration {
        match self {
            Self::Change { .. } | Self::Aside { .. } | Self::Page { .. } => arrived + limits.max_wait,
            Self::Heartbeat { last: false, .. } => arrived + limits.idle_wait,
            Self::Heartbeat { last: true, .. }
            | Self::Finish { .. }
            | Self::Step { .. }
            | Self::RangeEnd { .. } => arrived,
        }
    }

    /// Records and bytes.
    fn load(&self) -> (usize, usize) {
        match self {
            Self::Change { data, size, .. } | Self::Page { data, size, .. } => (data.len(), *size),
            Self::Aside { size, .. } => (1, *size),
            Self::Heartbeat { .. } | Self::Finish { .. } | Self::Step { .. } | Self::RangeEnd { .. } => {
                (0, 0)
            }
        }
    }
}

impl<D> Queue<D> {
    pub(super) fn new() -> Self {
        let (items, taken) = Default::default();
        Self { items, records: 0, bytes: 0, due: None, taken, open: None }
    }

    /// A token is read from here on; what is on its way of an earlier query is so still.
    pub(super) fn begin(&mut self, token: Token, frontier: Frontier) {
        self.taken.entry(token).or_insert(frontier);
    }

    pub(super) fn push(&mut self, what: What<D>, arrived: Duration, limits: &ShardLimits) {
        let due = what.due(arrived, limits);
        self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
        let (records, bytes) = what.load();
        (self.records, self.bytes) = (self.records + records, self.bytes + bytes);
        self.items.push_back(Item { what, arrived, goes_on: self.open.is_some() });
    }

    /// One waiting heartbeat a token is enough, or idle tokens would fill the queue. True if one was there and
    /// now says this.
    pub(super) fn overtake(&mut self, token: &Token, now: Timestamp) -> bool {
        let waiting = self.items.iter_mut().rev().find_map(|item| match &mut item.what {
            What::Heartbeat { token: of, at, last: false } if of == token => Some(Some(at)),
            What::Heartbeat { token: of, .. }
            | What::Change { token: of, .. }
            | What::Finish { token: of, .. }
                if of == token =>
            {
                Some(None)
            }
            _ => None,
        });
        match waiting.flatten() {
            Some(at) => {
                *at = now;
                true
            }
            None => false,
        }
    }

    /// What comes belongs to one Spanner transaction, which stays here until it is whole.
    pub(super) fn goes_on(&mut self, goes_on: bool) {
        match (goes_on, self.open) {
            (true, None) => self.open = Some(self.items.len()),
            (false, Some(in_front)) => {
                if let Some(last) = self.items.iter_mut().skip(in_front).next_back() {
                    last.goes_on = false;
                }
                self.open = None;
            }
            _ => {}
        }
    }

    /// True while a Spanner transaction is not whole.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Nothing while all that is there waits for the rest of its Spanner transaction.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due.filter(|_| self.open != Some(0))
    }

    pub(super) fn is_due(&self, now: Duration, limits: &ShardLimits) -> bool {
        let full = self.records >= limits.max_records || self.bytes >= limits.max_bytes;
        self.open != Some(0) && (full || self.due.is_some_and(|due| due <= now))
    }

    /// False when two transactions wait. Nothing waits for what is not whole.
    pub(super) fn has_room(&self, limits: &ShardLimits) -> bool {
        let room = self.records < 2 * limits.max_records && self.bytes < 2 * limits.max_bytes;
        room || self.open.is_some()
    }

    /// The next transaction. A token's frontier is copied once, however many of its changes are in it.
    pub(super) fn take(&mut self, shard: u32, limits: &ShardLimits) -> Taken<D> {
        let (mut data, mut state, mut bytes) = (Vec::new(), Vec::new(), 0);
        let (mut moved, mut finished) = (BTreeSet::new(), Vec::new());
        let mut ranges = BTreeMap::new();
        while self.open != Some(0)
            && let Some(item) = self.items.pop_front()
        {
            self.open = self.open.map(|in_front| in_front - 1);
            let (records, size) = item.what.load();
            (self.records, self.bytes, bytes) = (self.records - records, self.bytes - size, bytes + size);
            match item.what {
                What::Change { token, at, id, data: mut records, .. } => {
                    data.append(&mut records);
                    self.taken.get_mut(&token).expect("a token begins before its changes").emit(at, id);
                    moved.insert(token);
                }
                What::Heartbeat { token, at, .. } => {
                    let frontier = self.taken.get_mut(&token).expect("a token begins before its heartbeats");
                    frontier.advance(at);
                    moved.insert(token);
                }
                What::Finish { token, state: records } => {
                    moved.remove(&token);
                    self.taken.remove(&token);
                    state.extend(records);
                    finished.push(token);
                }
                What::Step { state: records } => state.extend(records),
                What::Page { id, rest, data: mut rows, .. } => {
                    data.append(&mut rows);
                    ranges.insert(id, rest);
                }
                What::RangeEnd { id, state: records } => {
                    ranges.remove(&id);
                    state.extend(records);
                }
                What::Aside { data: aside, .. } => data.push(aside),
            }
            if !item.goes_on && (data.len() >= limits.max_records || bytes >= limits.max_bytes) {
                break;
            }
        }
        state.extend(moved.into_iter().map(|token| StateRecord {
            shard,
            value: self.taken.get(&token).cloned().map(StateValue::Token),
            key: StateKey::Token(token),
        }));
        state.extend(ranges.into_iter().map(|(id, rest)| StateRecord {
            shard,
            key: StateKey::Range(id),
            value: Some(StateValue::Range(rest)),
        }));
        self.due = self.items.iter().map(|item| item.what.due(item.arrived, limits)).min();
        Taken { transaction: KafkaTransaction { data, state }, finished }
    }
}
