//! From taking a shard over to reading its tokens.

use std::sync::Arc;
use std::time::Duration;

use super::{Phase, Shard, ShardError};
use crate::guard::{Guard, is_enforced};
use crate::publish::effect::{KafkaTransaction, ShardEffect};
use crate::publish::frontier::Frontier;
use crate::publish::incremental_snapshot::Barrier;
use crate::publish::state::{Origin, StateKey, StateValue};
use crate::publish::token::Token;

impl<D> Shard<D> {
    /// The producer is initialised: whoever owned the shard before is fenced, and its open
    /// transaction aborted. `nonce` must be new.
    pub fn begin_recovery(&mut self, nonce: Arc<str>) {
        if !is_enforced(Guard::FenceBeforeRead) {
            self.run(Duration::ZERO);
            return;
        }
        let owner = self.own(StateKey::Owner, Some(StateValue::Owner(nonce.clone())));
        self.phase = Phase::Recovering { nonce };
        self.committing = true;
        self.effects
            .push_back(ShardEffect::Commit(KafkaTransaction { data: Vec::new(), state: vec![owner] }));
    }

    /// A record of the shard's partition of the state topic, in the order of the log.
    pub fn apply_state(
        &mut self,
        key: StateKey,
        value: Option<StateValue>,
        now: Duration,
    ) -> Result<(), ShardError> {
        match (&self.phase, &key, value) {
            (Phase::Recovering { nonce }, StateKey::Owner, Some(StateValue::Owner(read)))
                if *nonce == read =>
            {
                self.run(now);
            }
            (_, StateKey::Owner, _) => {}
            (
                Phase::Running,
                StateKey::ParentFinished { child, parent },
                Some(StateValue::ParentFinished(note)),
            ) => {
                // Those of our own tokens that were written before we owned them are known already.
                self.tokens.note(child.clone(), parent.clone(), note);
                self.start_if_ready(child);
            }
            (Phase::Running, StateKey::Range(id), Some(StateValue::Range(range))) => {
                self.begin_range(*id, range, now);
            }
            (Phase::Running, StateKey::Barrier, value) => self.hold(hold_of(value), now),
            (Phase::Running, StateKey::RangeRead(id), Some(StateValue::RangeProgress(part))) => {
                self.rereads.part(*id, Some(part));
                self.coordinate(now);
            }
            (Phase::Running, StateKey::Paused(shard), Some(StateValue::Paused(halted))) => {
                self.rereads.halted(*shard, Some(halted));
                self.coordinate(now);
            }
            (Phase::Running, StateKey::SnapshotRequest(id), value) => {
                self.rereads.request(id, value);
                self.coordinate(now);
            }
            (Phase::Running, StateKey::RangeRead(id), Some(StateValue::RangeRead)) => self.range_read(*id),
            // What we write ourselves comes back: we know better.
            (Phase::Running, ..) => {}
            (_, StateKey::Origin, Some(StateValue::Origin(origin))) => {
                self.check(&origin)?;
                self.origin = Some(origin);
            }
            (_, StateKey::Token(token), Some(StateValue::Token(frontier))) => {
                self.tokens.keep(token.clone(), frontier);
            }
            (_, StateKey::Token(token), _) => self.tokens.drop_token(token),
            (_, StateKey::ParentFinished { child, parent }, Some(StateValue::ParentFinished(note))) => {
                self.tokens.note(child.clone(), parent.clone(), note);
            }
            (_, StateKey::ParentFinished { child, parent }, _) => {
                self.tokens.drop_note(child, parent.as_ref())
            }
            (_, StateKey::Range(id), Some(StateValue::Range(range))) => self.ranges.stored(*id, Some(range)),
            (_, StateKey::Range(id), _) => self.ranges.stored(*id, None),
            (_, StateKey::RangeRead(id), Some(StateValue::RangeProgress(part))) => {
                self.rereads.part(*id, Some(part))
            }
            (_, StateKey::RangeRead(id), value) => {
                self.ranges.note(*id, value.is_some());
                self.rereads.part(*id, None);
            }
            (_, StateKey::LatestChildStart, Some(StateValue::LatestChildStart(at))) => self.holding.pass(at),
            (_, StateKey::Barrier, value) => self.holding.stored(hold_of(value)),
            (_, StateKey::Paused(shard), Some(StateValue::Paused(halted))) => {
                self.rereads.halted(*shard, Some(halted));
            }
            (_, StateKey::Paused(shard), _) => self.rereads.halted(*shard, None),
            (_, StateKey::SnapshotRequest(id), value) => self.rereads.request(id, value),
            (_, StateKey::IncrementalSnapshot, Some(StateValue::IncrementalSnapshot(reread))) => {
                self.rereads.stored(reread)
            }
            (_, StateKey::Origin | StateKey::LatestChildStart | StateKey::IncrementalSnapshot, _) => {}
        }
        Ok(())
    }

    fn run(&mut self, now: Duration) {
        self.phase = Phase::Running;
        self.go_on();
        self.halt(now);
        self.begin_ranges(now);
        if self.config.index == 0 {
            match &self.origin {
                Some(_) => self.roots_if_read(),
                None if self.config.snapshot => self.effects.push_back(ShardEffect::DivideSnapshot),
                None => self.effects.push_back(ShardEffect::QueryRoots { start: self.config.start }),
            }
            self.coordinate_anew(now);
        }
    }

    /// Queries all tokens that are not read, up to where changes are published for now.
    pub(super) fn go_on(&mut self) {
        self.effects.push_back(ShardEffect::SetEnd { end: self.end() });
        for (token, frontier) in self.tokens.stopped() {
            self.query(token, frontier);
        }
        for child in self.tokens.noted() {
            self.start_if_ready(&child);
        }
    }

    fn start_if_ready(&mut self, child: &Token) {
        if let Some(start) = self.tokens.ready(child) {
            let frontier = Frontier::new(start);
            // Past the end it waits for a later one; its notes stay.
            if !self.is_past_end(start) {
                self.tokens.keep(child.clone(), frontier.clone());
                self.query(child.clone(), frontier);
            }
        }
    }

    fn query(&mut self, token: Token, frontier: Frontier) {
        let start = frontier.at();
        if self.holding.is_halting() || self.is_past_end(start) {
            return;
        }
        self.queue.begin(token.clone(), frontier);
        self.tokens.run(&token);
        self.effects.push_back(ShardEffect::QueryToken { token, start });
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

fn hold_of(value: Option<StateValue>) -> Option<Barrier> {
    match value {
        Some(StateValue::Barrier(hold)) => Some(hold),
        _ => None,
    }
}
