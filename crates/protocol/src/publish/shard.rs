//! One shard of a publish pipeline, from taking it over to losing it.
//!
//! In doubt about a commit, after an abort, when fenced or when a query's state is unclear, the
//! service drops the shard with its producer and builds a new one: there is no way back inside.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::effect::{ChangeId, Children, Effect, Limits, Transaction};
use super::frontier::Frontier;
use super::state::{Note, Origin, StateKey, StateRecord, StateValue, shard_of};
use super::token::Token;
use crate::guard::{Guard, stands};
use crate::value::Timestamp;

/// Why a shard cannot go on. All of these stop the pipeline: something stored contradicts what
/// is configured or what Spanner says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    #[error("the state topic was made for {stored} shards, the configuration says {configured}")]
    Shards { stored: u32, configured: u32 },
    #[error("the state topic belongs to change stream {stored}, the configuration says {configured}")]
    ChangeStream { stored: Arc<str>, configured: Arc<str> },
    #[error("token …{token}: a change at {at} came after all changes up to {frontier}")]
    Order { token: String, at: Timestamp, frontier: Timestamp },
}

/// One shard; `D` is a published record. Times are durations since any fixed instant.
pub struct Shard<D> {
    config: Config,
    phase: Phase,
    origin: Option<Origin>,
    tokens: BTreeMap<Token, State>,
    notes: BTreeMap<Token, BTreeMap<Option<Token>, Note>>,
    queue: VecDeque<Item<D>>,
    queued_records: usize,
    queued_bytes: usize,
    /// The least due time in the queue.
    due: Option<Duration>,
    committing: bool,
    effects: VecDeque<Effect<D>>,
}

struct Config {
    index: u32,
    shards: u32,
    change_stream: Arc<str>,
    /// Where a new pipeline begins; `None` is now.
    start: Option<Timestamp>,
    limits: Limits,
}

enum Phase {
    Initialising,
    /// Waits for its own nonce to come back: all that was written before has then been read.
    Recovering {
        nonce: Arc<str>,
    },
    Running,
}

/// A token that is not finished.
struct State {
    /// Up to where changes have been queued; what is committed lags behind.
    frontier: Frontier,
    running: bool,
    children: BTreeMap<Token, Note>,
}

enum Item<D> {
    Change { token: Token, frontier: Frontier, data: Vec<D>, size: usize, arrived: Duration },
    Heartbeat { token: Token, frontier: Frontier, arrived: Duration },
    Finish { token: Token, state: Vec<StateRecord>, arrived: Duration },
    Roots { state: Vec<StateRecord>, arrived: Duration },
}

impl<D> Item<D> {
    fn due(&self, limits: &Limits) -> Duration {
        match self {
            Self::Change { arrived, .. } => *arrived + limits.max_wait,
            Self::Heartbeat { arrived, .. } => *arrived + limits.idle_wait,
            Self::Finish { arrived, .. } | Self::Roots { arrived, .. } => *arrived,
        }
    }
}

impl<D> Shard<D> {
    /// Shard `index` of `shards`. Its first effect is [`Effect::Init`]; from then on the service
    /// hands in its partition of the state topic from the beginning, read_committed.
    pub fn new(
        index: u32,
        shards: u32,
        change_stream: Arc<str>,
        start: Option<Timestamp>,
        limits: Limits,
    ) -> Self {
        assert!(index < shards, "shard {index} of {shards}");
        Self {
            config: Config { index, shards, change_stream, start, limits },
            phase: Phase::Initialising,
            origin: None,
            tokens: BTreeMap::new(),
            notes: BTreeMap::new(),
            queue: VecDeque::new(),
            queued_records: 0,
            queued_bytes: 0,
            due: None,
            committing: false,
            effects: VecDeque::from([Effect::Init]),
        }
    }

    /// The next thing to do.
    pub fn effect(&mut self) -> Option<Effect<D>> {
        self.effects.pop_front()
    }

    /// The producer is initialised: whoever owned the shard before is fenced, and its open
    /// transaction aborted. `nonce` must be new.
    pub fn initialised(&mut self, nonce: Arc<str>) {
        if !stands(Guard::InitBeforeRead) {
            self.run();
            return;
        }
        let owner = StateRecord {
            shard: self.config.index,
            key: StateKey::Owner,
            value: Some(StateValue::Owner(nonce.clone())),
        };
        self.phase = Phase::Recovering { nonce };
        self.committing = true;
        self.effects.push_back(Effect::Commit(Transaction { data: Vec::new(), state: vec![owner] }));
    }

    /// A record of the shard's partition of the state topic, in the order of the log.
    pub fn state(&mut self, key: StateKey, value: Option<StateValue>) -> Result<(), ShardError> {
        match (&self.phase, &key, value) {
            (Phase::Recovering { nonce }, StateKey::Owner, Some(StateValue::Owner(read)))
                if *nonce == read =>
            {
                self.run();
            }
            (_, StateKey::Owner, _) => {}
            (Phase::Running, StateKey::Note { child, parent }, Some(StateValue::Note(note))) => {
                // Those of our own tokens that were written before we owned them are known already.
                self.notes.entry(child.clone()).or_default().insert(parent.clone(), note);
                self.start_if_ready(&child.clone());
            }
            // What we write ourselves comes back: we know better.
            (Phase::Running, ..) => {}
            (_, StateKey::Origin, Some(StateValue::Origin(origin))) => {
                self.check(&origin)?;
                self.origin = Some(origin);
            }
            (_, StateKey::Token(token), Some(StateValue::Token(frontier))) => {
                let state = State { frontier, running: false, children: BTreeMap::new() };
                self.tokens.insert(token.clone(), state);
            }
            (_, StateKey::Token(token), _) => {
                self.tokens.remove(token);
            }
            (_, StateKey::Note { child, parent }, Some(StateValue::Note(note))) => {
                self.notes.entry(child.clone()).or_default().insert(parent.clone(), note);
            }
            (_, StateKey::Note { child, parent }, _) => {
                if let Some(notes) = self.notes.get_mut(child) {
                    notes.remove(parent);
                    if notes.is_empty() {
                        self.notes.remove(child);
                    }
                }
            }
            (_, StateKey::Origin, _) => {}
        }
        Ok(())
    }

    /// The root query has ended: the tokens that the change stream has at `start`.
    pub fn roots(&mut self, start: Timestamp, roots: Vec<Token>, now: Duration) {
        let origin =
            Origin { start, shards: self.config.shards, change_stream: self.config.change_stream.clone() };
        let mut state = vec![StateRecord {
            shard: self.config.index,
            key: StateKey::Origin,
            value: Some(StateValue::Origin(origin.clone())),
        }];
        state.extend(roots.into_iter().map(|child| self.note(child, None, Note { start, parents: vec![] })));
        self.origin = Some(origin);
        self.push(Item::Roots { state, arrived: now });
        self.due(now);
    }

    /// True if this change record is still to be emitted: transform it and hand it in.
    pub fn wants(&self, token: &Token, at: Timestamp, id: &ChangeId) -> Result<bool, ShardError> {
        let Some(state) = self.tokens.get(token).filter(|state| state.running) else { return Ok(false) };
        let frontier = state.frontier.at();
        if at < frontier {
            return Err(ShardError::Order { token: token.short().to_owned(), at, frontier });
        }
        Ok(!state.frontier.holds(at, id))
    }

    /// A change record that [`Self::wants`] said yes to: all its data, or none when it is filtered out.
    pub fn change(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: ChangeId,
        data: Vec<D>,
        size: usize,
        now: Duration,
    ) {
        let Some(state) = self.tokens.get_mut(token) else { return };
        state.frontier.emit(at, id);
        self.queued_records += data.len();
        self.queued_bytes += size;
        let frontier = state.frontier.clone();
        self.push(Item::Change { token: token.clone(), frontier, data, size, arrived: now });
        self.due(now);
    }

    /// All of the token's changes up to `at` have come.
    pub fn heartbeat(&mut self, token: &Token, at: Timestamp, now: Duration) {
        let Some(state) = self.tokens.get_mut(token) else { return };
        if !state.frontier.advance(at) {
            return;
        }
        let frontier = state.frontier.clone();
        // One waiting heartbeat a token is enough, or idle tokens would fill the queue.
        let waiting = self.queue.iter_mut().rev().find_map(|item| match item {
            Item::Heartbeat { token: of, frontier, .. } if of == token => Some(Some(frontier)),
            Item::Change { token: of, .. } | Item::Finish { token: of, .. } if of == token => Some(None),
            _ => None,
        });
        match waiting.flatten() {
            Some(stale) => *stale = frontier,
            None => self.push(Item::Heartbeat { token: token.clone(), frontier, arrived: now }),
        }
        self.due(now);
    }

    /// The token's children, which may come in several records, and again after a resumption.
    pub fn children(&mut self, token: &Token, record: Children) {
        let Some(state) = self.tokens.get_mut(token) else { return };
        for (child, parents) in record.children {
            state.children.insert(child, Note { start: record.start, parents });
        }
    }

    /// The token's query has broken off: it is queried again. What it told of children may have
    /// been a part of them, and all of them come again.
    pub fn interrupted(&mut self, token: &Token) {
        let Some(state) = self.tokens.get_mut(token).filter(|state| state.running) else { return };
        state.children.clear();
        let start = state.frontier.at();
        self.effects.push_back(Effect::Query { token: token.clone(), start });
    }

    /// The token's query has ended by itself. Without children that is a drop-out.
    pub fn ended(&mut self, token: &Token, now: Duration) {
        let Some(state) = self.tokens.get_mut(token).filter(|state| state.running) else { return };
        if state.children.is_empty() {
            self.interrupted(token);
            return;
        }
        let children = std::mem::take(&mut state.children);
        state.running = false;
        let mut records: Vec<StateRecord> =
            children.into_iter().map(|(child, note)| self.note(child, Some(token.clone()), note)).collect();
        let own = |key| StateRecord { shard: self.config.index, key, value: None };
        records.push(own(StateKey::Token(token.clone())));
        for parent in self.notes.get(token).into_iter().flat_map(BTreeMap::keys) {
            records.push(own(StateKey::Note { child: token.clone(), parent: parent.clone() }));
        }
        self.push(Item::Finish { token: token.clone(), state: records, arrived: now });
        self.due(now);
    }

    /// The transaction on its way is committed, beyond doubt.
    pub fn committed(&mut self, now: Duration) {
        assert!(self.committing, "one transaction at a time");
        self.committing = false;
        self.due(now);
    }

    /// Starts a transaction if one is due.
    pub fn due(&mut self, now: Duration) {
        if self.committing || !matches!(self.phase, Phase::Running) || !self.is_due(now) {
            return;
        }
        let limits = &self.config.limits;
        let (mut data, mut state, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut frontiers: BTreeMap<Token, Frontier> = BTreeMap::new();
        while let Some(item) = self.queue.pop_front() {
            match item {
                Item::Change { token, frontier, data: mut records, size, .. } => {
                    self.queued_records -= records.len();
                    self.queued_bytes -= size;
                    bytes += size;
                    data.append(&mut records);
                    frontiers.insert(token, frontier);
                }
                Item::Heartbeat { token, frontier, .. } => {
                    frontiers.insert(token, frontier);
                }
                Item::Finish { token, state: records, .. } => {
                    frontiers.remove(&token);
                    self.tokens.remove(&token);
                    self.notes.remove(&token);
                    state.extend(records);
                    self.effects.push_back(Effect::Finished { token });
                }
                Item::Roots { state: records, .. } => state.extend(records),
            }
            if data.len() >= limits.max_records || bytes >= limits.max_bytes {
                break;
            }
        }
        state.extend(frontiers.into_iter().map(|(token, frontier)| StateRecord {
            shard: self.config.index,
            key: StateKey::Token(token),
            value: Some(StateValue::Token(frontier)),
        }));
        self.due = self.queue.iter().map(|item| item.due(limits)).min();
        self.committing = true;
        self.effects.push_back(Effect::Commit(Transaction { data, state }));
    }

    /// When [`Self::due`] is to be called at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        if self.committing || !matches!(self.phase, Phase::Running) {
            return None;
        }
        self.due
    }

    /// False when two transactions wait: read no more changes until one is committed.
    pub fn has_room(&self) -> bool {
        self.queued_records < 2 * self.config.limits.max_records
            && self.queued_bytes < 2 * self.config.limits.max_bytes
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
        let tokens = self.tokens.values().map(|state| state.frontier.at());
        let waiting = self.notes.iter().filter(|(child, _)| !self.tokens.contains_key(*child));
        let waiting = waiting.flat_map(|(_, notes)| notes.values().map(|note| note.start));
        tokens.chain(waiting).min()
    }

    /// Tokens being read, and tokens that wait for a parent.
    pub fn counts(&self) -> (usize, usize) {
        let waiting = self.notes.keys().filter(|child| !self.tokens.contains_key(*child));
        (self.tokens.len(), waiting.count())
    }

    fn run(&mut self) {
        self.phase = Phase::Running;
        let stored: Vec<(Token, Timestamp)> =
            self.tokens.iter().map(|(token, state)| (token.clone(), state.frontier.at())).collect();
        for (token, start) in stored {
            self.query(token, start);
        }
        let noted: BTreeSet<Token> = self.notes.keys().cloned().collect();
        for child in noted {
            self.start_if_ready(&child);
        }
        if self.config.index == 0 && self.origin.is_none() {
            self.effects.push_back(Effect::QueryRoots { start: self.config.start });
        }
    }

    fn start_if_ready(&mut self, child: &Token) {
        if self.tokens.contains_key(child) {
            return;
        }
        let Some(notes) = self.notes.get(child) else { return };
        let noted = |parent: &Token| notes.contains_key(&Some(parent.clone()));
        let ready = notes.values().all(|note| note.parents.iter().all(noted));
        if !ready && stands(Guard::AllParents) {
            return;
        }
        // The parents agree on the start; were it not so, the earliest loses nothing.
        let Some(start) = notes.values().map(|note| note.start).min() else { return };
        let state = State { frontier: Frontier::new(start), running: false, children: BTreeMap::new() };
        self.tokens.insert(child.clone(), state);
        self.query(child.clone(), start);
    }

    fn query(&mut self, token: Token, start: Timestamp) {
        if let Some(state) = self.tokens.get_mut(&token) {
            state.running = true;
            self.effects.push_back(Effect::Query { token, start });
        }
    }

    fn is_due(&self, now: Duration) -> bool {
        let limits = &self.config.limits;
        self.queued_records >= limits.max_records
            || self.queued_bytes >= limits.max_bytes
            || self.due.is_some_and(|due| due <= now)
    }

    fn push(&mut self, item: Item<D>) {
        let due = item.due(&self.config.limits);
        self.due = Some(self.due.map_or(due, |earliest| earliest.min(due)));
        self.queue.push_back(item);
    }

    fn note(&self, child: Token, parent: Option<Token>, note: Note) -> StateRecord {
        StateRecord {
            shard: shard_of(&child, self.config.shards),
            key: StateKey::Note { child, parent },
            value: Some(StateValue::Note(note)),
        }
    }

    fn check(&self, stored: &Origin) -> Result<(), ShardError> {
        if stored.shards != self.config.shards {
            return Err(ShardError::Shards { stored: stored.shards, configured: self.config.shards });
        }
        if stored.change_stream != self.config.change_stream {
            return Err(ShardError::ChangeStream {
                stored: stored.change_stream.clone(),
                configured: self.config.change_stream.clone(),
            });
        }
        Ok(())
    }
}
