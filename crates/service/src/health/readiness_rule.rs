use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::service_part::Part;

/// The times of a [`ReadinessRule`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadinessLimits {
    /// The longest time without progress.
    pub(super) timeout: Duration,
    /// The time of continuous progress after which a pipeline that was not ready is ready again.
    pub(super) recovery: Duration,
}

/// The reason why a pipeline is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unready {
    /// The service reports a reason of its own, such as a stopped partition.
    Blocked,
    /// The worker owns nothing and is not a member of its consumer group.
    NotMember,
    /// The part has not answered in time: since this duration, or never.
    Silent(Part, Option<Duration>),
    /// The partition or shard has not progressed in time: since this duration, or never.
    Stalled(Arc<str>, Option<Duration>),
    /// The pipeline progresses again, since this duration.
    Recovering(Duration),
}

/// Decides whether a pipeline is ready. It has no clock: each call gets the time.
///
/// - Each owned partition or shard has progressed within the timeout, and Kafka and Spanner have answered within it.
/// - A worker that owns nothing is ready when it is a member of its group and Kafka has answered within the timeout.
/// - A pipeline that was ready stays ready while it gets new partitions or shards, which have the whole timeout.
/// - A pipeline that has lost its readiness must progress for the recovery time without a failed request.
#[derive(Debug)]
pub(super) struct ReadinessRule {
    limits: ReadinessLimits,
    units: BTreeMap<Arc<str>, Unit>,
    is_member: bool,
    is_blocked: bool,
    /// The last answers, by [`Part::index`].
    answers: [Option<Instant>; 3],
    last_failure: Option<Instant>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
struct Unit {
    assigned: Instant,
    progressed: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The pipeline has never been ready.
    Starting,
    Ready,
    /// The pipeline was ready, and has had no obstacle since this time.
    Unready {
        steady_since: Option<Instant>,
    },
}

impl ReadinessRule {
    /// Returns the rule of a pipeline that starts.
    #[must_use]
    pub(super) fn new(limits: ReadinessLimits) -> Self {
        Self {
            limits,
            units: BTreeMap::new(),
            is_member: false,
            is_blocked: false,
            answers: [None; 3],
            last_failure: None,
            phase: Phase::Starting,
        }
    }

    /// Replaces the owned partitions or shards. Those that are still owned keep their progress.
    pub(super) fn own(&mut self, now: Instant, units: impl IntoIterator<Item = Arc<str>>) {
        let owned: BTreeSet<Arc<str>> = units.into_iter().collect();
        self.units.retain(|unit, _| owned.contains(unit));
        for unit in owned {
            self.units.entry(unit).or_insert(Unit { assigned: now, progressed: None });
        }
    }

    /// Notes that a partition or shard has moved or is confirmed at its end. One that is not owned is ignored.
    pub(super) fn progressed(&mut self, now: Instant, unit: &str) {
        if let Some(unit) = self.units.get_mut(unit) {
            unit.progressed = Some(now);
        }
    }

    /// Notes whether the worker is a member of its consumer group.
    pub(super) fn set_member(&mut self, is_member: bool) {
        self.is_member = is_member;
    }

    /// Notes whether the service itself has a reason not to be ready.
    pub(super) fn set_blocked(&mut self, is_blocked: bool) {
        self.is_blocked = is_blocked;
    }

    /// Notes the time of the latest answer of a part.
    pub(super) fn answered(&mut self, at: Instant, part: Part) {
        let last = &mut self.answers[part.index()];
        *last = (*last).max(Some(at));
    }

    /// Notes a failed request.
    pub(super) fn failed(&mut self, now: Instant) {
        self.last_failure = Some(now);
    }

    /// Returns whether the pipeline is ready now.
    ///
    /// # Errors
    /// The reason why it is not ready.
    pub(super) fn evaluate(&mut self, now: Instant) -> Result<(), Unready> {
        let obstacle = self.obstacle(now);
        match (self.phase, obstacle) {
            (Phase::Starting, Some(obstacle)) => Err(obstacle),
            (Phase::Starting | Phase::Ready, None) => {
                self.phase = Phase::Ready;
                Ok(())
            }
            (Phase::Ready | Phase::Unready { .. }, Some(obstacle)) => {
                self.phase = Phase::Unready { steady_since: None };
                Err(obstacle)
            }
            (Phase::Unready { steady_since }, None) => {
                let since = steady_since.unwrap_or(now);
                self.phase = Phase::Unready { steady_since: Some(since) };
                let steady = now.saturating_duration_since(since.max(self.last_failure.unwrap_or(since)));
                if steady < self.limits.recovery {
                    return Err(Unready::Recovering(steady));
                }
                self.phase = Phase::Ready;
                Ok(())
            }
        }
    }

    fn obstacle(&self, now: Instant) -> Option<Unready> {
        if self.is_blocked {
            return Some(Unready::Blocked);
        }
        if self.units.is_empty() {
            let silent = self.silent(now, Part::Kafka);
            return silent.or_else(|| (!self.is_member).then_some(Unready::NotMember));
        }
        let silent = self.silent(now, Part::Kafka).or_else(|| self.silent(now, Part::Spanner));
        silent.or_else(|| self.units.iter().find_map(|(name, unit)| self.stalled(now, name, *unit)))
    }

    fn silent(&self, now: Instant, part: Part) -> Option<Unready> {
        let silence = self.answers[part.index()].map(|at| now.saturating_duration_since(at));
        let is_silent = silence.is_none_or(|silence| silence > self.limits.timeout);
        is_silent.then_some(Unready::Silent(part, silence))
    }

    fn stalled(&self, now: Instant, name: &Arc<str>, unit: Unit) -> Option<Unready> {
        let since = match self.phase {
            Phase::Ready => Some(unit.progressed.unwrap_or(unit.assigned)),
            Phase::Starting | Phase::Unready { .. } => unit.progressed,
        };
        let stall = since.map(|at| now.saturating_duration_since(at));
        let is_stalled = stall.is_none_or(|stall| stall > self.limits.timeout);
        is_stalled.then(|| Unready::Stalled(name.clone(), stall))
    }
}

#[cfg(test)]
mod tests;
