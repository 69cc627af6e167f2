//! One shard of a publish pipeline, from taking it over to losing it.
//!
//! In doubt about a commit, after an abort, when fenced or when a query's state is unclear, the
//! service drops the shard with its producer and builds a new one: there is no way back inside.

mod barrier;
mod error;
mod incremental_snapshot;
mod queue;
mod ranges;
mod recovery;
mod tokens;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::effect::{ChangeId, ChildTokens, ShardEffect, ShardLimits};
use super::snapshot::InitialSnapshot;
use super::state::{Origin, ParentFinished, StateKey, StateRecord, StateValue, shard_of};
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;
use barrier::AtBarrier;
use incremental_snapshot::IncrementalSnapshots;
use queue::{Queue, What};
use ranges::Ranges;
use tokens::Tokens;

pub use error::ShardError;

/// One shard; `D` is a published record. Times are durations since any fixed instant.
pub struct Shard<D> {
    config: ShardConfig,
    phase: Phase,
    origin: Option<Origin>,
    tokens: Tokens,
    ranges: Ranges,
    holding: AtBarrier,
    /// In shard 0 only.
    rereads: IncrementalSnapshots,
    queue: Queue<D>,
    committing: bool,
    effects: VecDeque<ShardEffect<D>>,
}

/// What a shard is told when it is made.
#[derive(Debug, Clone)]
pub struct ShardConfig {
    pub index: u32,
    pub shards: u32,
    pub change_stream: Arc<str>,
    /// Where a new pipeline begins; `None` is now.
    pub start: Option<Timestamp>,
    /// A new pipeline begins with the rows that are there, and with the changes behind them.
    pub snapshot: bool,
    /// Up to where, inclusively, changes are published; `None` is for ever. It may be set later.
    pub end: Option<Timestamp>,
    pub limits: ShardLimits,
    /// Spanner transactions are whole in their Kafka transaction; changes then come in the order of commits, through
    /// a [`super::Merge`].
    pub atomic: bool,
}

enum Phase {
    Initialising,
    /// Waits for its own nonce to come back: all that was written before has then been read.
    Recovering {
        nonce: Arc<str>,
    },
    Running,
}

impl<D> Shard<D> {
    /// Its first effect is [`ShardEffect::InitTransactions`]; from then on the service hands in its partition of the state topic
    /// from the beginning, read_committed.
    pub fn new(config: ShardConfig) -> Self {
        assert!(config.index < config.shards, "shard {} of {}", config.index, config.shards);
        assert!(!config.atomic || config.shards == 1, "an atomic pipeline has one shard");
        Self {
            config,
            phase: Phase::Initialising,
            origin: None,
            tokens: Tokens::default(),
            ranges: Ranges::default(),
            holding: AtBarrier::default(),
            rereads: IncrementalSnapshots::default(),
            queue: Queue::new(),
            committing: false,
            effects: VecDeque::from([ShardEffect::InitTransactions]),
        }
    }

    /// The next thing to do.
    pub fn next_effect(&mut self) -> Option<ShardEffect<D>> {
        self.effects.pop_front()
    }

    /// The root query has ended: the tokens that the change stream has at `start`.
    pub fn add_roots(&mut self, start: Timestamp, roots: Vec<Token>, now: Duration) {
        let mut state = self.forget_ranges();
        state.extend(
            roots.into_iter().map(|child| self.note(child, None, ParentFinished { start, parents: vec![] })),
        );
        self.begin(start, None, state, now);
        self.coordinate(now);
    }

    /// The pipeline begins, or its changes do: a new origin, in one transaction with what comes of it.
    fn begin(
        &mut self,
        start: Timestamp,
        snapshot: Option<InitialSnapshot>,
        mut state: Vec<StateRecord>,
        now: Duration,
    ) {
        let ShardConfig { shards, change_stream, .. } = &self.config;
        let origin = Origin { start, shards: *shards, change_stream: change_stream.clone(), snapshot };
        state.push(self.own(StateKey::Origin, Some(StateValue::Origin(origin.clone()))));
        self.origin = Some(origin);
        self.push(What::Step { state }, now);
    }

    /// True if this change record is still to be emitted: transform it and hand it in.
    pub fn should_emit(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: &ChangeId,
        now: Duration,
    ) -> Result<bool, ShardError> {
        let Some(state) = self.running(token) else { return Ok(false) };
        let frontier = state.frontier.at();
        if at < frontier {
            return Err(ShardError::Order { token: token.short().to_owned(), at, frontier });
        }
        let emitted = state.frontier.holds(at, id);
        if self.is_past_end(at) {
            // All that came before it has come, and nothing at it is emitted.
            self.add_heartbeat(token, at, now);
            return Ok(false);
        }
        self.holding.expect(!emitted);
        Ok(!emitted)
    }

    /// A change record that [`Self::should_emit`] said yes to: all its data, or none when it is filtered out.
    pub fn add_change(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: ChangeId,
        data: Vec<D>,
        size: usize,
        now: Duration,
    ) {
        self.holding.expect(false);
        let Some(state) = self.running(token) else { return };
        state.frontier.emit(at, id.clone());
        self.push(What::Change { token: token.clone(), at, id, data, size }, now);
        self.halt(now);
    }

    /// Whether the transaction of the changes that are being handed in goes on: then they wait for its rest.
    pub fn set_transaction_open(&mut self, goes_on: bool, now: Duration) {
        self.queue.goes_on(goes_on && is_enforced(Guard::TransactionsNeverSplit));
        self.halt(now);
        self.start_due_commit(now);
    }

    /// True if this change record has been emitted, or is on its way.
    pub fn has_emitted(&self, token: &Token, at: Timestamp, id: &ChangeId) -> bool {
        self.tokens.get(token).is_some_and(|state| state.frontier.holds(at, id))
    }

    /// Data that belongs to no token, to go with the next transaction. False, and nothing is done, before the
    /// stored state has been read back.
    pub fn add_auxiliary(&mut self, data: D, size: usize, now: Duration) -> bool {
        if self.is_running() {
            self.push(What::Aside { data, size }, now);
        }
        self.is_running()
    }

    /// All of the token's changes up to `at` have come.
    pub fn add_heartbeat(&mut self, token: &Token, at: Timestamp, now: Duration) {
        let Some(state) = self.running(token) else { return };
        if !state.frontier.advance(at) {
            return;
        }
        let last = self.is_past_end(at);
        if last {
            self.tokens.stop(token);
            self.effects.push_back(ShardEffect::StopToken { token: token.clone() });
        }
        if last || !self.queue.overtake(token, at) {
            self.push(What::Heartbeat { token: token.clone(), at, last }, now);
        } else {
            self.start_due_commit(now);
        }
    }

    /// The token's children, which may come in several records, and again after a resumption.
    pub fn add_children(&mut self, token: &Token, record: ChildTokens) {
        let Some(state) = self.running(token) else { return };
        for (child, parents) in record.children {
            state.children.insert(child, ParentFinished { start: record.start, parents });
        }
    }

    /// The token's query has broken off: it is queried again. What it told of children may have
    /// been a part of them, and all of them come again.
    pub fn restart_query(&mut self, token: &Token) {
        let Some(state) = self.running(token) else { return };
        state.children.clear();
        let start = state.frontier.at();
        self.effects.push_back(ShardEffect::QueryToken { token: token.clone(), start });
    }

    /// The token's query has ended by itself. Without children that is a drop-out.
    pub fn end_query(&mut self, token: &Token, now: Duration) {
        let Some(state) = self.running(token) else { return };
        if state.children.is_empty() {
            self.restart_query(token);
            return;
        }
        let children = std::mem::take(&mut state.children);
        self.tokens.end(token);
        if let Some(start) = children.values().map(|note| note.start).max() {
            self.holding.pass(start);
        }
        let mut records: Vec<StateRecord> =
            children.into_iter().map(|(child, note)| self.note(child, Some(token.clone()), note)).collect();
        records.push(self.own(StateKey::Token(token.clone()), None));
        records.push(
            self.own(StateKey::LatestChildStart, self.holding.passed().map(StateValue::LatestChildStart)),
        );
        for parent in self.tokens.parents(token) {
            records.push(self.own(StateKey::ParentFinished { child: token.clone(), parent }, None));
        }
        self.push(What::Finish { token: token.clone(), state: records }, now);
    }

    /// The transaction on its way is committed, beyond doubt.
    pub fn confirm_commit(&mut self, now: Duration) {
        assert!(self.committing, "one transaction at a time");
        self.committing = false;
        self.start_due_commit(now);
    }

    /// Starts a transaction if one is due.
    pub fn start_due_commit(&mut self, now: Duration) {
        let limits = &self.config.limits;
        if self.committing || !self.is_running() || !self.queue.is_due(now, limits) {
            return;
        }
        let taken = self.queue.take(self.config.index, limits);
        for token in taken.finished {
            self.tokens.finished(&token);
            self.effects.push_back(ShardEffect::FinishToken { token });
        }
        self.committing = true;
        self.effects.push_back(ShardEffect::Commit(taken.transaction));
    }

    /// When [`Self::start_due_commit`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        if self.committing || !self.is_running() { None } else { self.queue.due() }
    }

    /// False when two transactions wait: read no more changes until one is committed. False also while no more are to
    /// be published.
    pub fn has_room(&self) -> bool {
        match self.holding.is_halting() {
            // The rest of a transaction.
            true => self.queue.is_open(),
            false => self.queue.has_room(&self.config.limits),
        }
    }

    /// True while a transaction is on its way.
    pub fn is_committing(&self) -> bool {
        self.committing
    }

    /// True when the stored state has been read back.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Every change of this shard's tokens up to here has at least been queued; the tokens that
    /// still wait for a parent count with their start.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.tokens.watermark()
    }

    /// Tokens that are not finished, and tokens that wait for a parent.
    pub fn token_counts(&self) -> (usize, usize) {
        self.tokens.counts()
    }

    /// Up to where, inclusively, changes are published for now.
    fn end(&self) -> Option<Timestamp> {
        [self.config.end, self.holding.at()].into_iter().flatten().min()
    }

    fn is_past_end(&self, at: Timestamp) -> bool {
        self.end().is_some_and(|end| at > end)
    }

    /// A token that is being read.
    fn running(&mut self, token: &Token) -> Option<&mut tokens::State> {
        assert!(!self.holding.is_halted(), "a shard that has halted has no room");
        self.tokens.running(token)
    }

    fn push(&mut self, what: What<D>, now: Duration) {
        self.queue.push(what, now, &self.config.limits);
        self.start_due_commit(now);
    }

    fn own(&self, key: StateKey, value: Option<StateValue>) -> StateRecord {
        StateRecord { shard: self.config.index, key, value }
    }

    fn note(&self, child: Token, parent: Option<Token>, note: ParentFinished) -> StateRecord {
        StateRecord {
            shard: shard_of(&child, self.config.shards),
            key: StateKey::ParentFinished { child, parent },
            value: Some(StateValue::ParentFinished(note)),
        }
    }
}
