//! One owner of a shard: the machine, its producer, its tail and its queries.

mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::Rng;
use super::history::{BEGIN, ChangeRecord, END, History, StreamItem, WHOLE, instant};
use super::kafka::FakeKafka;
use crate::guard::{Guard, is_enforced};
use crate::publish::{
    ChangeId, KafkaTransaction, Merge, Shard, ShardConfig, ShardEffect, ShardLimits, Token, TokenEvent,
    TransactionCounts,
};
use crate::value::Timestamp;
use rows::RowReader;

pub(super) const SHARDS: u32 = 3;
/// Changes of this key wait for a plan, where rows are read again.
const LATE: usize = 3;
/// Bytes that wait in front of an atomic pipeline.
const WAITING: usize = 100;

/// What a pipeline is told.
#[derive(Clone, Copy, Default)]
pub(super) struct Scenario {
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

impl Scenario {
    pub(super) fn shards(self) -> u32 {
        if self.atomic { 1 } else { SHARDS }
    }
}

pub(super) struct Owner {
    pub(super) index: u32,
    shard: Shard<ChangeRecord>,
    merge: Option<Merge<ChangeRecord>>,
    epoch: u64,
    offset: usize,
    queries: BTreeMap<Token, OpenQuery>,
    rows: RowReader,
    tally: TransactionCounts,
    kind: Scenario,
    held: Option<PendingChange>,
    init: bool,
    roots: Option<Timestamp>,
    unsent: Option<KafkaTransaction<ChangeRecord>>,
    sent: bool,
}

/// A change that waits for its plan.
struct PendingChange {
    token: Token,
    change: ChangeRecord,
    data: Vec<ChangeRecord>,
    continues: Option<bool>,
}

struct OpenQuery {
    start: Timestamp,
    place: usize,
    /// It has told of children.
    told: bool,
}

/// The environment of an owner.
pub(super) struct OwnerEnvironment<'a> {
    pub(super) kafka: &'a mut FakeKafka,
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
    pub(super) fn new(index: u32, kind: Scenario, kafka: &FakeKafka) -> Self {
        let Scenario { end, snapshot, atomic, .. } = kind;
        let limits = ShardLimits {
            max_records: 5,
            max_bytes: 1000,
            max_wait: Duration::from_millis(20),
            idle_wait: Duration::from_millis(50),
            max_barrier_time: Duration::from_millis(30),
            barrier_timeout: Duration::from_millis(800),
        };
        let mut owner = Self {
            index,
            shard: Shard::new(ShardConfig {
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
            rows: RowReader::default(),
            tally: TransactionCounts::default(),
            kind,
            held: None,
            init: false,
            roots: None,
            unsent: None,
            sent: false,
        };
        if !is_enforced(Guard::FenceBeforeRead) {
            while owner.tail(kafka, Duration::ZERO).is_ok_and(|read| read) {}
        }
        owner
    }

    pub(super) fn step(&mut self, rng: &mut Rng, env: &mut OwnerEnvironment<'_>) -> Result<(), Dropped> {
        match rng.below(9) {
            0 => self.initialise(env),
            1 if rng.percent(self.kind.blinks / if env.faults { 1 } else { 4 }) => {}
            1 => {
                self.tail(env.kafka, env.now)?;
            }
            2 => self.send(env)?,
            3 => self.end(rng, env)?,
            4 => {
                self.shard.start_due_commit(env.now);
                self.shard.observe_watermark(env.watermark, env.now);
            }
            5 => self.begin(rng, env),
            6 => self.page(rng, env),
            _ if self.held.is_some() => self.hand_in(env),
            _ => self.read(rng, env)?,
        }
        self.carry_out();
        // What waits for its turn may wait while other things happen.
        if rng.percent(50) {
            self.merged(env)?;
            self.carry_out();
        }
        Ok(())
    }

    fn carry_out(&mut self) {
        while let Some(effect) = self.shard.next_effect() {
            match effect {
                ShardEffect::InitTransactions => self.init = true,
                ShardEffect::Commit(transaction) => self.unsent = Some(transaction),
                ShardEffect::QueryRoots { start } => self.roots = Some(start.unwrap_or(instant(0))),
                ShardEffect::DivideSnapshot => self.rows.divide = true,
                ShardEffect::DivideTable { table } => self.rows.table = Some(table),
                ShardEffect::ReadRange { id, range } => self.rows.add(id, range),
                ShardEffect::SetEnd { end } => {
                    if let Some(merge) = &mut self.merge {
                        merge.set_end(end);
                    }
                }
                ShardEffect::QueryToken { token, start } => {
                    self.tally.forget(&token);
                    if let Some(merge) = &mut self.merge {
                        merge.start_query(token.clone(), start);
                    }
                    self.queries.insert(token, OpenQuery { start, place: 0, told: false });
                }
                ShardEffect::FinishToken { token } | ShardEffect::StopToken { token } => {
                    self.tally.forget(&token);
                    if let Some(merge) = &mut self.merge {
                        merge.stop_token(&token);
                    }
                    self.queries.remove(&token);
                }
            }
        }
    }

    fn initialise(&mut self, env: &mut OwnerEnvironment<'_>) {
        if std::mem::take(&mut self.init) {
            self.epoch = env.kafka.init(self.index);
            self.shard.begin_recovery(format!("{}-{}", self.index, self.epoch).into());
        }
    }

    fn tail(&mut self, kafka: &FakeKafka, now: Duration) -> Result<bool, Dropped> {
        match kafka.read(self.index, &mut self.offset) {
            Some((key, value)) => self.shard.apply_state(key, value, now).map(|()| true).map_err(|_| Dropped),
            None => Ok(false),
        }
    }

    fn send(&mut self, env: &mut OwnerEnvironment<'_>) -> Result<(), Dropped> {
        let Some(transaction) = self.unsent.take() else { return Ok(()) };
        env.kafka.send(self.index, self.epoch, transaction).map_err(|_| Dropped)?;
        self.sent = true;
        Ok(())
    }

    fn end(&mut self, rng: &mut Rng, env: &mut OwnerEnvironment<'_>) -> Result<(), Dropped> {
        if !std::mem::take(&mut self.sent) {
            return Ok(());
        }
        let chance = if env.faults { rng.below(100) } else { 99 };
        if chance < 5 {
            return Err(Dropped);
        }
        env.kafka.commit(self.index, self.epoch).map_err(|_| Dropped)?;
        if chance < 10 {
            return Err(Dropped);
        }
        self.shard.confirm_commit(env.now);
        Ok(())
    }

    /// What begins a pipeline.
    fn begin(&mut self, rng: &mut Rng, env: &OwnerEnvironment<'_>) {
        self.divide(rng, env);
        if let Some(start) = self.roots.take() {
            let roots = env.history.roots(start.timestamp());
            if let Some(merge) = &mut self.merge {
                merge.expect_tokens(&roots, start);
            }
            self.shard.add_roots(start, roots, env.now);
        }
    }

    fn read(&mut self, rng: &mut Rng, env: &OwnerEnvironment<'_>) -> Result<(), Dropped> {
        if self.queries.is_empty() || !self.shard.has_room() {
            return Ok(());
        }
        let any = rng.below(self.queries.len());
        let Some((token, query)) = self.queries.iter_mut().nth(any) else { return Ok(()) };
        if self.merge.as_ref().is_some_and(|merge| !merge.may_read(token)) {
            return Ok(());
        }
        let token = token.clone();
        if env.faults && rng.percent(3) {
            // Only a query that has told of no children may drop out without an error.
            let drops_out = !query.told && rng.percent(50);
            self.queries.remove(&token);
            match (&mut self.merge, drops_out) {
                (Some(merge), true) => merge.end_query(&token),
                (Some(merge), false) => merge.interrupt_query(&token),
                (None, true) => self.shard.end_query(&token, env.now),
                (None, false) => self.shard.restart_query(&token),
            }
            return Ok(());
        }
        let Some(seen) = env.history.see(&token, query.start, query.place, env.clock) else {
            return Ok(());
        };
        match &seen {
            StreamItem::Change(_) => query.place += 1,
            StreamItem::Heartbeat(_) => {}
            StreamItem::Children(_) => (query.place, query.told) = (query.place + 1, true),
            StreamItem::End => {
                self.queries.remove(&token);
            }
        }
        let Some(merge) = &mut self.merge else { return self.seen(&token, seen, env) };
        match seen {
            StreamItem::Change(change) => {
                let (at, id) = (instant(change.at), change.id.clone());
                if !self.shard.has_emitted(&token, at, &id) {
                    merge.add_change(&token, at, id, change.records, change, 10);
                }
            }
            StreamItem::Heartbeat(at) => merge.add_heartbeat(&token, instant(at)),
            StreamItem::Children(children) => merge.add_children(&token, children),
            StreamItem::End => merge.end_query(&token),
        }
        Ok(())
    }

    fn seen(&mut self, token: &Token, seen: StreamItem, env: &OwnerEnvironment<'_>) -> Result<(), Dropped> {
        match seen {
            StreamItem::Change(change) => {
                let last = change.last;
                self.change(token, token, &change, last, env)?;
            }
            StreamItem::Heartbeat(at) => self.shard.add_heartbeat(token, instant(at), env.now),
            StreamItem::Children(children) => self.shard.add_children(token, children),
            StreamItem::End => self.shard.end_query(token, env.now),
        }
        Ok(())
    }

    /// What comes out in the order of commits.
    fn merged(&mut self, env: &OwnerEnvironment<'_>) -> Result<(), Dropped> {
        let whole = Token::from(WHOLE);
        while self.held.is_none()
            && self.shard.has_room()
            && let Some((token, turn)) = self.merge.as_mut().and_then(Merge::take_next)
        {
            match turn {
                TokenEvent::Change { change, continues } => {
                    if continues {
                        self.shard.set_transaction_open(true, env.now);
                    }
                    self.change(&token, &whole, &change, !continues, env)?;
                    match &mut self.held {
                        Some(held) => held.continues = Some(continues),
                        None => self.handed_in(continues, env),
                    }
                }
                TokenEvent::Heartbeat(at) => self.shard.add_heartbeat(&token, at, env.now),
                TokenEvent::Children(children) => self.shard.add_children(&token, children),
                TokenEvent::Ended => self.shard.end_query(&token, env.now),
                TokenEvent::Interrupted => self.shard.restart_query(&token),
            }
        }
        Ok(())
    }

    /// A change, with where its transaction begins and ends in what is `counted` together.
    fn change(
        &mut self,
        token: &Token,
        counted: &Token,
        change: &ChangeRecord,
        last: bool,
        env: &OwnerEnvironment<'_>,
    ) -> Result<(), Dropped> {
        let (at, id): (_, &ChangeId) = (instant(change.at), &change.id);
        let before = self.tally.count(counted, at, id, 1);
        if self.shard.should_emit(token, at, id, env.now).map_err(|_| Dropped)? {
            let mut data = vec![change.clone()];
            if before.events == 0 {
                data.insert(0, change.mark(counted, BEGIN));
            }
            if last {
                let count = self.tally.total(counted, id).events as usize;
                data.push(change.mark(counted, END + count));
            }
            self.held =
                Some(PendingChange { token: token.clone(), change: change.clone(), data, continues: None });
            if !self.kind.rereads || change.key != LATE {
                self.hand_in(env);
            }
        }
        Ok(())
    }

    fn hand_in(&mut self, env: &OwnerEnvironment<'_>) {
        let Some(PendingChange { token, change, data, continues }) = self.held.take() else { return };
        self.shard.add_change(&token, instant(change.at), change.id, data, 10, env.now);
        if let Some(continues) = continues {
            self.handed_in(continues, env);
        }
    }

    /// Of an atomic pipeline.
    fn handed_in(&mut self, continues: bool, env: &OwnerEnvironment<'_>) {
        self.shard.set_transaction_open(continues, env.now);
        if !continues {
            self.tally.forget(&Token::from(WHOLE));
        }
    }
}
