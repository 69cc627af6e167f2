//! One owner of a shard: the state machine, its producer, its state reader and its queries.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fake_kafka::FakeKafka;
use super::row_reader::RowReader;
use super::stream_history::{
    ALL_TOKENS, BEGIN_KEY, ChangeRecord, END_KEY, StreamHistory, StreamItem, instant,
};
use crate::guard::{Guard, is_enforced};
use crate::publish::{
    ChangeId, KafkaTransaction, Merge, Shard, ShardConfig, ShardEffect, ShardLimits, Token, TokenEvent,
    TransactionCounts,
};
use crate::sim::rng::Rng;
use crate::value::Timestamp;

pub(super) const SHARDS: u32 = 3;
/// The key whose changes the service transforms late, in runs with incremental snapshots.
const LATE_KEY: usize = 3;
/// The number of state records that one attempt reads in the second phase: it has to be read faster than idle
/// tokens write it.
const CALM_READS: usize = 5;
/// The limit of the merge of an atomic pipeline in bytes.
const MERGE_LIMIT: usize = 100;

/// The options of a run.
#[derive(Clone, Copy, Default)]
pub(super) struct Scenario {
    /// The last timestamp that is published.
    pub(super) end: Option<i64>,
    pub(super) snapshot: bool,
    pub(super) atomic: bool,
    /// True if incremental snapshots are requested.
    pub(super) incremental: bool,
    /// The percentage of attempts to read the state that read nothing, in the phase with faults.
    pub(super) missed_reads: usize,
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
    counts: TransactionCounts,
    scenario: Scenario,
    deferred: Option<DeferredChange>,
    init: bool,
    roots: Option<Timestamp>,
    unsent: Option<KafkaTransaction<ChangeRecord>>,
    sent: bool,
}

/// A change that the service is still transforming.
struct DeferredChange {
    token: Token,
    change: ChangeRecord,
    data: Vec<ChangeRecord>,
    continues: Option<bool>,
}

struct OpenQuery {
    start: Timestamp,
    index: usize,
    /// True if the query has delivered children.
    has_children: bool,
}

/// The environment of an owner.
pub(super) struct OwnerEnvironment<'a> {
    pub(super) kafka: &'a mut FakeKafka,
    pub(super) history: &'a StreamHistory,
    pub(super) clock: i64,
    pub(super) now: Duration,
    pub(super) faults: bool,
    /// The watermark of the pipeline, as the owner's process knows it.
    pub(super) watermark: Option<Timestamp>,
}

/// The error of an owner that is fenced or does not know the outcome of a commit. It is dropped.
pub(super) struct Dropped;

impl Owner {
    pub(super) fn new(index: u32, scenario: Scenario, kafka: &FakeKafka) -> Self {
        let Scenario { end, snapshot, atomic, .. } = scenario;
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
                shards: scenario.shards(),
                change_stream: "stream".into(),
                start: None,
                snapshot,
                end: end.map(instant),
                limits,
                atomic,
            }),
            merge: atomic.then(|| Merge::new(MERGE_LIMIT, end.map(instant))),
            epoch: 0,
            offset: 0,
            queries: BTreeMap::new(),
            rows: RowReader::default(),
            counts: TransactionCounts::default(),
            scenario,
            deferred: None,
            init: false,
            roots: None,
            unsent: None,
            sent: false,
        };
        if !is_enforced(Guard::FenceBeforeRead) {
            while owner.read_state(kafka, Duration::ZERO).is_ok_and(|read| read) {}
        }
        owner
    }

    pub(super) fn step(&mut self, rng: &mut Rng, env: &mut OwnerEnvironment<'_>) -> Result<(), Dropped> {
        match rng.below(9) {
            0 => self.initialise(env),
            1 if env.faults && rng.percent(self.scenario.missed_reads) => {}
            1 => {
                for _ in 0..if env.faults { 1 } else { CALM_READS } {
                    self.read_state(env.kafka, env.now)?;
                }
            }
            2 => self.send(env)?,
            3 => self.commit(rng, env)?,
            4 => {
                self.shard.start_due_commit(env.now);
                self.shard.observe_watermark(env.watermark, env.now);
            }
            5 => self.start_pipeline(rng, env),
            6 => self.rows.read_page(&mut self.shard, rng, env.history, env.now),
            _ if self.deferred.is_some() => self.add_deferred_change(env),
            _ => self.read(rng, env)?,
        }
        self.carry_out_effects();
        // Merged events may wait while other things happen.
        if rng.percent(50) {
            self.take_merged(env)?;
            self.carry_out_effects();
        }
        Ok(())
    }

    /// The offset up to which the owner has read its partition of the state topic.
    pub(super) fn read_up_to(&self) -> usize {
        self.offset
    }

    fn carry_out_effects(&mut self) {
        while let Some(effect) = self.shard.next_effect() {
            match effect {
                ShardEffect::InitTransactions => self.init = true,
                ShardEffect::Commit(transaction) => self.unsent = Some(transaction),
                ShardEffect::QueryRoots { start } => self.roots = Some(start.unwrap_or(instant(0))),
                ShardEffect::DivideSnapshot => self.rows.request_snapshot(),
                ShardEffect::DivideTable { table } => self.rows.request_table(table),
                ShardEffect::ReadRange { id, range } => self.rows.add(id, range),
                ShardEffect::SetEnd { end } => {
                    if let Some(merge) = &mut self.merge {
                        merge.set_end(end);
                    }
                }
                ShardEffect::QueryToken { token, start } => {
                    self.counts.forget(&token);
                    if let Some(merge) = &mut self.merge {
                        merge.start_query(token.clone(), start);
                    }
                    self.queries.insert(token, OpenQuery { start, index: 0, has_children: false });
                }
                ShardEffect::FinishToken { token } | ShardEffect::StopToken { token } => {
                    self.counts.forget(&token);
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
            self.epoch = env.kafka.init_transactions(self.index);
            self.shard.begin_recovery(format!("{}-{}", self.index, self.epoch).into());
        }
    }

    fn read_state(&mut self, kafka: &FakeKafka, now: Duration) -> Result<bool, Dropped> {
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

    fn commit(&mut self, rng: &mut Rng, env: &mut OwnerEnvironment<'_>) -> Result<(), Dropped> {
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

    /// Divides tables and queries roots.
    fn start_pipeline(&mut self, rng: &mut Rng, env: &OwnerEnvironment<'_>) {
        self.rows.divide(&mut self.shard, rng, env.clock, env.now);
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
            // Only a query without children may drop out without an error.
            let drops_out = !query.has_children && rng.percent(50);
            self.queries.remove(&token);
            match (&mut self.merge, drops_out) {
                (Some(merge), true) => merge.end_query(&token),
                (Some(merge), false) => merge.interrupt_query(&token),
                (None, true) => self.shard.end_query(&token, env.now),
                (None, false) => self.shard.restart_query(&token),
            }
            return Ok(());
        }
        let Some(item) = env.history.item(&token, query.start, query.index, env.clock) else {
            return Ok(());
        };
        match &item {
            StreamItem::Change(_) => query.index += 1,
            StreamItem::Heartbeat(_) => {}
            StreamItem::Children(_) => (query.index, query.has_children) = (query.index + 1, true),
            StreamItem::End => {
                self.queries.remove(&token);
            }
        }
        let Some(merge) = &mut self.merge else { return self.add_item(&token, item, env) };
        match item {
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

    fn add_item(
        &mut self,
        token: &Token,
        item: StreamItem,
        env: &OwnerEnvironment<'_>,
    ) -> Result<(), Dropped> {
        match item {
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

    /// Takes merged events in commit order.
    fn take_merged(&mut self, env: &OwnerEnvironment<'_>) -> Result<(), Dropped> {
        let whole = Token::from(ALL_TOKENS);
        while self.deferred.is_none()
            && self.shard.has_room()
            && let Some((token, event)) = self.merge.as_mut().and_then(Merge::take_next)
        {
            match event {
                TokenEvent::Change { change, continues } => {
                    if continues {
                        self.shard.set_transaction_open(true, env.now);
                    }
                    self.change(&token, &whole, &change, !continues, env)?;
                    match &mut self.deferred {
                        Some(deferred) => deferred.continues = Some(continues),
                        None => self.after_change(continues, env),
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

    /// Adds a change, with the markers of its transaction. `counted` names what is counted together.
    fn change(
        &mut self,
        token: &Token,
        counted: &Token,
        change: &ChangeRecord,
        last: bool,
        env: &OwnerEnvironment<'_>,
    ) -> Result<(), Dropped> {
        let (at, id): (_, &ChangeId) = (instant(change.at), &change.id);
        let before = self.counts.count(counted, at, id, 1);
        if self.shard.should_emit(token, at, id, env.now).map_err(|_| Dropped)? {
            let mut data = vec![change.clone()];
            if before.events == 0 {
                data.insert(0, change.marker(counted, BEGIN_KEY));
            }
            if last {
                let count = self.counts.total(counted, id).events as usize;
                data.push(change.marker(counted, END_KEY + count));
            }
            self.deferred =
                Some(DeferredChange { token: token.clone(), change: change.clone(), data, continues: None });
            if !self.scenario.incremental || change.key != LATE_KEY {
                self.add_deferred_change(env);
            }
        }
        Ok(())
    }

    fn add_deferred_change(&mut self, env: &OwnerEnvironment<'_>) {
        let Some(DeferredChange { token, change, data, continues }) = self.deferred.take() else { return };
        self.shard.add_change(&token, instant(change.at), change.id, data, 10, env.now);
        if let Some(continues) = continues {
            self.after_change(continues, env);
        }
    }

    /// Closes or keeps open the transaction of an atomic pipeline.
    fn after_change(&mut self, continues: bool, env: &OwnerEnvironment<'_>) {
        self.shard.set_transaction_open(continues, env.now);
        if !continues {
            self.counts.forget(&Token::from(ALL_TOKENS));
        }
    }
}
