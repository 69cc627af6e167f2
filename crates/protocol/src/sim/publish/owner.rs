//! One owner of a shard: the machine, its producer, its tail and its queries.

mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Rng;
use super::history::{BEGIN, Change, END, History, Seen, WHOLE, instant};
use super::kafka::Kafka;
use crate::guard::{Guard, stands};
use crate::publish::{
    ChangeId, Config, Effect, Limits, Merge, Shard, Token, TokenEvent, Transaction, TransactionCounts,
};
use crate::value::Timestamp;
use rows::Rows;

pub(super) const SHARDS: u32 = 3;
/// Changes of this key wait for a plan, where rows are read again.
const LATE: usize = 3;
/// Bytes that wait in front of an atomic pipeline.
const WAITING: usize = 100;

/// What a pipeline is told.
#[derive(Clone, Copy, Default)]
pub(super) struct Kind {
    /// The last timestamp that is published.
    pub(super) end: Option<i64>,
    pub(super) snapshot: bool,
    pub(super) atomic: bool,
    /// Rows are read again, by request.
    pub(super) rereads: bool,
    /// Of a hundred looks at the state, those that see nothing; in the end a fourth of them, so that it is read faster than
    /// idle tokens write it.
    pub(super) blinks: usize,
}

impl Kind {
    pub(super) fn shards(self) -> u32 {
        if self.atomic { 1 } else { SHARDS }
    }
}

pub(super) struct Owner {
    pub(super) index: u32,
    shard: Shard<Change>,
    merge: Option<Merge<Change>>,
    epoch: u64,
    offset: usize,
    queries: BTreeMap<Token, Query>,
    rows: Rows,
    tally: TransactionCounts,
    kind: Kind,
    held: Option<Held>,
    init: bool,
    roots: Option<Timestamp>,
    unsent: Option<Transaction<Change>>,
    sent: bool,
}

/// A change that waits for its plan.
struct Held {
    token: Token,
    change: Change,
    data: Vec<Change>,
    goes_on: Option<bool>,
}

struct Query {
    start: Timestamp,
    place: usize,
    /// It has told of children.
    told: bool,
}

/// The world around an owner.
pub(super) struct Around<'a> {
    pub(super) kafka: &'a mut Kafka,
    pub(super) history: &'a History,
    pub(super) clock: i64,
    pub(super) now: Duration,
    pub(super) faults: bool,
    /// Of the pipeline, as the owner's worker knows it.
    pub(super) watermark: Option<Timestamp>,
}

/// The owner is to be dropped: fenced, or in doubt.
pub(super) struct Dropped;

impl Owner {
    pub(super) fn new(index: u32, kind: Kind, kafka: &Kafka) -> Self {
        let Kind { end, snapshot, atomic, .. } = kind;
        let limits = Limits {
            max_records: 5,
            max_bytes: 1000,
            max_wait: Duration::from_millis(20),
            idle_wait: Duration::from_millis(50),
            max_hold: Duration::from_millis(30),
            max_halt: Duration::from_millis(800),
        };
        let mut owner = Self {
            index,
            shard: Shard::new(Config {
                index,
                shards: kind.shards(),
                change_stream: "stream".into(),
                start: None,
                snapshot,
                end: end.map(instant),
                limits,
                atomic,
            }),
            merge: atomic.then(|| Merge::new(WAITING, end.map(instant))),
            epoch: 0,
            offset: 0,
            queries: BTreeMap::new(),
            rows: Rows::default(),
            tally: TransactionCounts::default(),
            kind,
            held: None,
            init: false,
            roots: None,
            unsent: None,
            sent: false,
        };
        if !stands(Guard::InitBeforeRead) {
            while owner.tail(kafka, Duration::ZERO).is_ok_and(|read| read) {}
        }
        owner
    }

    pub(super) fn step(&mut self, dice: &mut Rng, around: &mut Around<'_>) -> Result<(), Dropped> {
        match dice.below(9) {
            0 => self.initialise(around),
            1 if dice.percent(self.kind.blinks / if around.faults { 1 } else { 4 }) => {}
            1 => {
                self.tail(around.kafka, around.now)?;
            }
            2 => self.send(around)?,
            3 => self.end(dice, around)?,
            4 => {
                self.shard.due(around.now);
                self.shard.passed(around.watermark, around.now);
            }
            5 => self.begin(dice, around),
            6 => self.page(dice, around),
            _ if self.held.is_some() => self.hand_in(around),
            _ => self.read(dice, around)?,
        }
        self.carry_out();
        // What waits for its turn may wait while other things happen.
        if dice.percent(50) {
            self.merged(around)?;
            self.carry_out();
        }
        Ok(())
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.shard.effect() {
            match effect {
                Effect::Init => self.init = true,
                Effect::Commit(transaction) => self.unsent = Some(transaction),
                Effect::QueryRoots { start } => self.roots = Some(start.unwrap_or(instant(0))),
                Effect::Divide => self.rows.divide = true,
                Effect::DivideTable { table } => self.rows.table = Some(table),
                Effect::Read { id, range } => self.rows.add(id, range),
                Effect::Until { end } => {
                    if let Some(merge) = &mut self.merge {
                        merge.until(end);
                    }
                }
                Effect::Query { token, start } => {
                    self.tally.forget(&token);
                    if let Some(merge) = &mut self.merge {
                        merge.query(token.clone(), start);
                    }
                    self.queries.insert(token, Query { start, place: 0, told: false });
                }
                Effect::Finished { token } | Effect::Stop { token } => {
                    self.tally.forget(&token);
                    if let Some(merge) = &mut self.merge {
                        merge.stop(&token);
                    }
                    self.queries.remove(&token);
                }
            }
        }
    }

    fn initialise(&mut self, around: &mut Around<'_>) {
        if std::mem::take(&mut self.init) {
            self.epoch = around.kafka.init(self.index);
            self.shard.initialised(format!("{}-{}", self.index, self.epoch).into());
        }
    }

    fn tail(&mut self, kafka: &Kafka, now: Duration) -> Result<bool, Dropped> {
        match kafka.read(self.index, &mut self.offset) {
            Some((key, value)) => self.shard.state(key, value, now).map(|()| true).map_err(|_| Dropped),
            None => Ok(false),
        }
    }

    fn send(&mut self, around: &mut Around<'_>) -> Result<(), Dropped> {
        let Some(transaction) = self.unsent.take() else { return Ok(()) };
        around.kafka.send(self.index, self.epoch, transaction).map_err(|_| Dropped)?;
        self.sent = true;
        Ok(())
    }

    fn end(&mut self, dice: &mut Rng, around: &mut Around<'_>) -> Result<(), Dropped> {
        if !std::mem::take(&mut self.sent) {
            return Ok(());
        }
        let chance = if around.faults { dice.below(100) } else { 99 };
        if chance < 5 {
            return Err(Dropped);
        }
        around.kafka.commit(self.index, self.epoch).map_err(|_| Dropped)?;
        if chance < 10 {
            return Err(Dropped);
        }
        self.shard.committed(around.now);
        Ok(())
    }

    /// What begins a pipeline.
    fn begin(&mut self, dice: &mut Rng, around: &Around<'_>) {
        self.divide(dice, around);
        if let Some(start) = self.roots.take() {
            let roots = around.history.roots(start.timestamp());
            if let Some(merge) = &mut self.merge {
                merge.expect(&roots, start);
            }
            self.shard.roots(start, roots, around.now);
        }
    }

    fn read(&mut self, dice: &mut Rng, around: &Around<'_>) -> Result<(), Dropped> {
        if self.queries.is_empty() || !self.shard.has_room() {
            return Ok(());
        }
        let any = dice.below(self.queries.len());
        let Some((token, query)) = self.queries.iter_mut().nth(any) else { return Ok(()) };
        if self.merge.as_ref().is_some_and(|merge| !merge.may_read(token)) {
            return Ok(());
        }
        let token = token.clone();
        if around.faults && dice.percent(3) {
            // Only a query that has told of no children may drop out without an error.
            let drops_out = !query.told && dice.percent(50);
            self.queries.remove(&token);
            match (&mut self.merge, drops_out) {
                (Some(merge), true) => merge.ended(&token),
                (Some(merge), false) => merge.interrupted(&token),
                (None, true) => self.shard.ended(&token, around.now),
                (None, false) => self.shard.interrupted(&token),
            }
            return Ok(());
        }
        let Some(seen) = around.history.see(&token, query.start, query.place, around.clock) else {
            return Ok(());
        };
        match &seen {
            Seen::Change(_) => query.place += 1,
            Seen::Heartbeat(_) => {}
            Seen::Children(_) => (query.place, query.told) = (query.place + 1, true),
            Seen::End => {
                self.queries.remove(&token);
            }
        }
        let Some(merge) = &mut self.merge else { return self.seen(&token, seen, around) };
        match seen {
            Seen::Change(change) => {
                let (at, id) = (instant(change.at), change.id.clone());
                if !self.shard.emitted(&token, at, &id) {
                    merge.change(&token, at, id, change.records, change, 10);
                }
            }
            Seen::Heartbeat(at) => merge.heartbeat(&token, instant(at)),
            Seen::Children(children) => merge.children(&token, children),
            Seen::End => merge.ended(&token),
        }
        Ok(())
    }

    fn seen(&mut self, token: &Token, seen: Seen, around: &Around<'_>) -> Result<(), Dropped> {
        match seen {
            Seen::Change(change) => {
                let last = change.last;
                self.change(token, token, &change, last, around)?;
            }
            Seen::Heartbeat(at) => self.shard.heartbeat(token, instant(at), around.now),
            Seen::Children(children) => self.shard.children(token, children),
            Seen::End => self.shard.ended(token, around.now),
        }
        Ok(())
    }

    /// What comes out in the order of commits.
    fn merged(&mut self, around: &Around<'_>) -> Result<(), Dropped> {
        let whole = Token::from(WHOLE);
        while self.held.is_none()
            && self.shard.has_room()
            && let Some((token, turn)) = self.merge.as_mut().and_then(Merge::take)
        {
            match turn {
                TokenEvent::Change { change, goes_on } => {
                    if goes_on {
                        self.shard.goes_on(true, around.now);
                    }
                    self.change(&token, &whole, &change, !goes_on, around)?;
                    match &mut self.held {
                        Some(held) => held.goes_on = Some(goes_on),
                        None => self.handed_in(goes_on, around),
                    }
                }
                TokenEvent::Heartbeat(at) => self.shard.heartbeat(&token, at, around.now),
                TokenEvent::Children(children) => self.shard.children(&token, children),
                TokenEvent::Ended => self.shard.ended(&token, around.now),
                TokenEvent::Interrupted => self.shard.interrupted(&token),
            }
        }
        Ok(())
    }

    /// A change, with where its transaction begins and ends in what is `counted` together.
    fn change(
        &mut self,
        token: &Token,
        counted: &Token,
        change: &Change,
        last: bool,
        around: &Around<'_>,
    ) -> Result<(), Dropped> {
        let (at, id): (_, &ChangeId) = (instant(change.at), &change.id);
        let before = self.tally.count(counted, at, id, 1);
        if self.shard.wants(token, at, id, around.now).map_err(|_| Dropped)? {
            let mut data = vec![change.clone()];
            if before.events == 0 {
                data.insert(0, change.mark(counted, BEGIN));
            }
            if last {
                let count = self.tally.total(counted, id).events as usize;
                data.push(change.mark(counted, END + count));
            }
            self.held = Some(Held { token: token.clone(), change: change.clone(), data, goes_on: None });
            if !self.kind.rereads || change.key != LATE {
                self.hand_in(around);
            }
        }
        Ok(())
    }

    fn hand_in(&mut self, around: &Around<'_>) {
        let Some(Held { token, change, data, goes_on }) = self.held.take() else { return };
        self.shard.change(&token, instant(change.at), change.id, data, 10, around.now);
        if let Some(goes_on) = goes_on {
            self.handed_in(goes_on, around);
        }
    }

    /// Of an atomic pipeline.
    fn handed_in(&mut self, goes_on: bool, around: &Around<'_>) {
        self.shard.goes_on(goes_on, around.now);
        if !goes_on {
            self.tally.forget(&Token::from(WHOLE));
        }
    }
}
