//! The barrier as one shard sees it.
//!
//! Shard 0 sends every shard a barrier without a timestamp. Each shard pauses where it is and reports the
//! timestamp that it has reached. Shard 0 then sends the maximum of these timestamps, and all shards
//! publish up to it and no further.

use std::time::Duration;

use crate::guard::{Guard, is_enforced};
use crate::publish::incremental_snapshot::{Barrier, Paused};
use crate::value::Timestamp;

/// The barrier of a shard, if there is one, and whether the shard has paused at it.
#[derive(Default)]
pub(super) struct AtBarrier {
    barrier: Option<Barrier>,
    /// True if the shard has asked the service for a change that is still to be added.
    expects_change: bool,
    /// True if the shard has reported its pause.
    is_paused: bool,
    /// The time at which this owner began to read rows at the barrier.
    reading_since: Option<Duration>,
    /// The latest start of the children of finished tokens. The finished tokens may have emitted changes
    /// up to it. A child may not have started, and its owner may not know of it.
    latest_child_start: Option<Timestamp>,
}

impl AtBarrier {
    /// Restores the barrier from the stored state.
    pub(super) fn restore(&mut self, barrier: Option<Barrier>) {
        self.barrier = barrier;
    }

    /// Replaces the barrier: a new one, one that now has a timestamp, or none.
    pub(super) fn replace(&mut self, barrier: Option<Barrier>) {
        *self = Self { barrier, is_paused: false, reading_since: None, ..*self };
    }

    /// Records the start of the children of a finished token.
    pub(super) fn add_child_start(&mut self, at: Timestamp) {
        self.latest_child_start = self.latest_child_start.max(Some(at));
    }

    /// The latest start of the children of finished tokens.
    pub(super) fn latest_child_start(&self) -> Option<Timestamp> {
        self.latest_child_start
    }

    /// Sets whether a change is still to be added.
    pub(super) fn expect_change(&mut self, expects_change: bool) {
        self.expects_change = expects_change;
    }

    /// Returns whether there is a barrier.
    pub(super) fn is_some(&self) -> bool {
        self.barrier.is_some()
    }

    /// The last commit timestamp that the barrier allows to publish, if it is known.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.barrier.as_ref().and_then(|barrier| barrier.at)
    }

    /// Returns whether the barrier's timestamp is still unknown, so that the shard pauses.
    pub(super) fn is_pausing(&self) -> bool {
        self.barrier.as_ref().is_some_and(|barrier| barrier.at.is_none())
    }

    /// Returns whether the shard has reported its pause.
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Pauses the shard, if it is asked to and no change is still to be added. Returns the report to
    /// commit with everything that is queued before it. `published` is the last timestamp that the
    /// shard's unfinished tokens may have published.
    pub(super) fn pause(&mut self, published: impl FnOnce() -> Option<Timestamp>) -> Option<Paused> {
        let Self { barrier: Some(Barrier { id, at: None }), expects_change: false, is_paused: false, .. } =
            &*self
        else {
            return None;
        };
        let finished = self.latest_child_start.filter(|_| is_enforced(Guard::ChildrenOfFinishedTokens));
        let report = Paused { id: id.clone(), at: published().max(finished) };
        self.is_paused = true;
        Some(report)
    }

    /// Records that the shard reads a range.
    pub(super) fn start_reading(&mut self, now: Duration) {
        self.reading_since.get_or_insert(now);
    }

    /// Returns whether the shard has read rows at the barrier for `max_time`.
    pub(super) fn is_time_up(&self, now: Duration, max_time: Duration) -> bool {
        self.barrier.is_some() && self.reading_since.is_some_and(|since| now >= since + max_time)
    }
}
