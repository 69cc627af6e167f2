//! Changes that are held while rows are read again: the side of each shard.
//!
//! First every shard halts where it is, and says so. Then all go on to the furthest of them, and no further.

use std::time::Duration;

use super::Shard;
use super::queue::What;
use crate::guard::{Guard, is_enforced};
use crate::publish::effect::ShardLimits;
use crate::publish::incremental_snapshot::{Barrier, Paused};
use crate::publish::state::{StateKey, StateRecord, StateValue};
use crate::value::Timestamp;

#[derive(Default)]
pub(super) struct AtBarrier {
    hold: Option<Barrier>,
    /// A change that is wanted has not been handed in yet.
    expects: bool,
    /// That it has halted is said, or on its way.
    halted: bool,
    /// When this life began to read the hold's rows.
    since: Option<Duration>,
    /// The furthest start of the children of finished tokens: what these have emitted is not behind it. A child may
    /// not have begun, nor its owner know of it.
    passed: Option<Timestamp>,
}

impl AtBarrier {
    /// A record that was there before this life.
    pub(super) fn stored(&mut self, hold: Option<Barrier>) {
        self.hold = hold;
    }

    pub(super) fn pass(&mut self, at: Timestamp) {
        self.passed = self.passed.max(Some(at));
    }

    pub(super) fn passed(&self) -> Option<Timestamp> {
        self.passed
    }

    /// Whether a change is still to be handed in.
    pub(super) fn expect(&mut self, change: bool) {
        self.expects = change;
    }

    pub(super) fn is_some(&self) -> bool {
        self.hold.is_some()
    }

    /// Up to where changes are held.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.hold.as_ref().and_then(|hold| hold.at)
    }

    pub(super) fn is_halting(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.at.is_none())
    }

    pub(super) fn is_halted(&self) -> bool {
        self.halted
    }

    /// A range begins.
    pub(super) fn begin(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// True when changes have been held for long enough.
    pub(super) fn is_time_up(&self, now: Duration, limits: &ShardLimits) -> bool {
        self.hold.is_some() && self.since.is_some_and(|since| now >= since + limits.max_barrier_time)
    }
}

impl<D> Shard<D> {
    /// A hold begins, is told its timestamp, or ends.
    pub(super) fn hold(&mut self, hold: Option<Barrier>, now: Duration) {
        self.holding = AtBarrier { hold, halted: false, since: None, ..self.holding };
        if self.holding.is_halting() {
            self.ranges.forget_begun();
            self.halt(now);
        } else {
            self.go_on();
        }
    }

    /// Says that nothing more is published, as soon as that is true: with what is on its way, and in the same order.
    pub(super) fn halt(&mut self, now: Duration) {
        let AtBarrier { hold: Some(Barrier { id, at: None }), expects: false, halted: false, .. } =
            &self.holding
        else {
            return;
        };
        if !self.is_running() || self.queue.is_open() {
            return;
        }
        let passed = self.holding.passed.filter(|_| is_enforced(Guard::StartedChildrenCount));
        let halted = Paused { id: id.clone(), at: self.tokens.furthest().max(passed) };
        self.holding.halted = true;
        let key = StateKey::Paused(self.config.index);
        let state = vec![StateRecord { shard: 0, key, value: Some(StateValue::Paused(halted)) }];
        self.push(What::Step { state }, now);
    }
}
