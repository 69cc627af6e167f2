//! One owner of a shard: the machine, its producer, its tail and its queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::Dice;
use super::history::{BEGIN, Change, END, History, READ, Seen, instant};
use super::kafka::Kafka;
use crate::guard::{Guard, stands};
use crate::publish::{Config, Effect, Limits, Range, RangeId, Shard, Tally, Token, Transaction};
use crate::value::Timestamp;

pub(super) const SHARDS: u32 = 3;

pub(super) struct Owner {
    pub(super) index: u32,
    shard: Shard<Change>,
    epoch: u64,
    offset: usize,
    queries: BTreeMap<Token, Query>,
    ranges: BTreeMap<RangeId, Range>,
    tally: Tally,
    init: bool,
    divide: bool,
    roots: Option<Timestamp>,
    unsent: Option<Transaction<Change>>,
    sent: bool,
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
}

/// The owner is to be dropped: fenced, or in doubt.
pub(super) struct Dropped;

impl Owner {
    pub(super) fn new(index: u32, end: Option<Timestamp>, snapshot: bool, kafka: &Kafka) -> Self {
        let limits = Limits {
            max_records: 5,
            max_bytes: 1000,
            max_wait: Duration::from_millis(20),
            idle_wait: Duration::from_millis(50),
        };
        let mut owner = Self {
            index,
            shard: Shard::new(Config {
                index,
                shards: SHARDS,
                change_stream: "stream".into(),
                start: None,
                snapshot,
                end,
                limits,
            }),
            epoch: 0,
            offset: 0,
            queries: BTreeMap::new(),
            ranges: BTreeMap::new(),
            tally: Tally::default(),
            init: false,
            divide: false,
            roots: None,
            unsent: None,
            sent: false,
        };
        if !stands(Guard::InitBeforeRead) {
            while owner.tail(kafka).is_ok_and(|read| read) {}
        }
        owner
    }

    pub(super) fn step(&mut self, dice: &mut Dice, around: &mut Around<'_>) -> Result<(), Dropped> {
        match dice.below(9) {
            0 => self.initialise(around),
            1 => {
                self.tail(around.kafka)?;
            }
            2 => self.send(around)?,
            3 => self.end(dice, around)?,
            4 => self.shard.due(around.now),
            5 => self.begin(dice, around),
            6 => self.page(dice, around),
            _ => self.read(dice, around)?,
        }
        while let Some(effect) = self.shard.effect() {
            match effect {
                Effect::Init => self.init = true,
                Effect::Commit(transaction) => self.unsent = Some(transaction),
                Effect::QueryRoots { start } => self.roots = Some(start.unwrap_or(instant(0))),
                Effect::Divide => self.divide = true,
                Effect::Read { id, range } => {
                    self.ranges.insert(id, range);
                }
                Effect::Query { token, start } => {
                    self.tally.forget(&token);
                    self.queries.insert(token, Query { start, place: 0, told: false });
                }
                Effect::Finished { token } | Effect::Stop { token } => {
                    self.tally.forget(&token);
                    self.queries.remove(&token);
                }
            }
        }
        Ok(())
    }

    fn initialise(&mut self, around: &mut Around<'_>) {
        if std::mem::take(&mut self.init) {
            self.epoch = around.kafka.init(self.index);
            self.shard.initialised(format!("{}-{}", self.index, self.epoch).into());
        }
    }

    fn tail(&mut self, kafka: &Kafka) -> Result<bool, Dropped> {
        match kafka.read(self.index, &mut self.offset) {
            Some((key, value)) => self.shard.state(key, value).map(|()| true).map_err(|_| Dropped),
            None => Ok(false),
        }
    }

    fn send(&mut self, around: &mut Around<'_>) -> Result<(), Dropped> {
        let Some(transaction) = self.unsent.take() else { return Ok(()) };
        around.kafka.send(self.index, self.epoch, transaction).map_err(|_| Dropped)?;
        self.sent = true;
        Ok(())
    }

    fn end(&mut self, dice: &mut Dice, around: &mut Around<'_>) -> Result<(), Dropped> {
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
    fn begin(&mut self, dice: &mut Dice, around: &Around<'_>) {
        if std::mem::take(&mut self.divide) {
            let at = instant(around.clock);
            let cuts = (0..8).filter(|_| dice.percent(30)).map(|key| Some(Arc::from(key.to_string())));
            let mut after = None;
            let ranges = cuts.chain([None]).map(|through: Option<Arc<str>>| Range {
                table: "T".into(),
                at,
                after: std::mem::replace(&mut after, through.clone()),
                through,
            });
            self.shard.divided(at, ranges.collect(), around.now);
        }
        if let Some(start) = self.roots.take() {
            let roots = around.history.roots(start.timestamp());
            self.shard.roots(start, roots, around.now);
        }
    }

    /// The next row or two of a range.
    fn page(&mut self, dice: &mut Dice, around: &Around<'_>) {
        if self.ranges.is_empty() || !self.shard.has_room() {
            return;
        }
        let any = dice.below(self.ranges.len());
        let Some((id, range)) = self.ranges.iter_mut().nth(any) else { return };
        let id = *id;
        let number = |key: &Option<Arc<str>>| key.as_deref().map(|key| key.parse::<usize>().unwrap());
        let (after, through) = (number(&range.after), number(&range.through));
        let rows = around.history.rows(range.at.timestamp()).filter(|row| {
            let key = row.key - READ;
            after.is_none_or(|after| key > after) && through.is_none_or(|through| key <= through)
        });
        let rows: Vec<Change> = rows.take(1 + dice.below(2)).collect();
        match rows.last() {
            Some(last) => {
                let last: Arc<str> = (last.key - READ).to_string().into();
                range.after = Some(last.clone());
                self.shard.page(id, rows, 10, last, around.now);
            }
            None => {
                self.ranges.remove(&id);
                self.shard.read(id, around.now);
            }
        }
    }

    fn read(&mut self, dice: &mut Dice, around: &Around<'_>) -> Result<(), Dropped> {
        if self.queries.is_empty() || !self.shard.has_room() {
            return Ok(());
        }
        let any = dice.below(self.queries.len());
        let Some((token, query)) = self.queries.iter_mut().nth(any) else { return Ok(()) };
        let token = token.clone();
        if around.faults && dice.percent(3) {
            // Only a query that has told of no children may drop out without an error.
            let drops_out = !query.told && dice.percent(50);
            self.queries.remove(&token);
            if drops_out {
                self.shard.ended(&token, around.now);
            } else {
                self.shard.interrupted(&token);
            }
            return Ok(());
        }
        let Some(seen) = around.history.see(&token, query.start, query.place, around.clock) else {
            return Ok(());
        };
        match seen {
            Seen::Change(change) => {
                query.place += 1;
                let at = instant(change.at);
                let before = self.tally.count(&token, at, &change.id, 1);
                if self.shard.wants(&token, at, &change.id, around.now).map_err(|_| Dropped)? {
                    let mut data = vec![change.clone()];
                    if before.events == 0 {
                        data.insert(0, change.mark(&token, BEGIN));
                    }
                    if change.last {
                        let count = self.tally.total(&token, &change.id).events as usize;
                        data.push(change.mark(&token, END + count));
                    }
                    self.shard.change(&token, at, change.id.clone(), data, 10, around.now);
                }
            }
            Seen::Heartbeat(at) => self.shard.heartbeat(&token, instant(at), around.now),
            Seen::Children(children) => {
                query.place += 1;
                query.told = true;
                self.shard.children(&token, children);
            }
            Seen::End => {
                self.queries.remove(&token);
                self.shard.ended(&token, around.now);
            }
        }
        Ok(())
    }
}
