use std::collections::BTreeSet;

use super::effect::ChangeId;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// How far a token has been emitted: up to a commit timestamp, and at that very timestamp the
/// change records of this set.
///
/// A query resumes at the timestamp, which is included, so what stands at it comes again; several
/// transactions may share it, so comparing timestamps is not enough.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Frontier {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    emitted: BTreeSet<ChangeId>,
}

impl Frontier {
    /// Nothing emitted yet at `start` or behind it.
    pub fn new(start: Timestamp) -> Self {
        Self { at: start, emitted: BTreeSet::new() }
    }

    /// Where a query resumes, inclusively.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// True if this change record has been emitted.
    pub(super) fn holds(&self, at: Timestamp, id: &ChangeId) -> bool {
        at < self.at || (at == self.at && self.emitted.contains(id) && is_enforced(Guard::FrontierSet))
    }

    /// Takes a change record in.
    pub(super) fn emit(&mut self, at: Timestamp, id: ChangeId) {
        assert!(at >= self.at, "a frontier only goes forward");
        if at > self.at {
            *self = Self::new(at);
        }
        self.emitted.insert(id);
    }

    /// All changes up to `at` have come (a heartbeat). False if that says nothing new.
    pub(super) fn advance(&mut self, at: Timestamp) -> bool {
        let forward = at > self.at;
        if forward {
            *self = Self::new(at);
        }
        forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn id(transaction: &str, sequence: &str) -> ChangeId {
        ChangeId { transaction: transaction.into(), sequence: sequence.into(), table: "T".into() }
    }

    #[test]
    fn transactions_at_one_timestamp_are_told_apart() {
        let mut frontier = Frontier::new(second(1));
        frontier.emit(second(2), id("a", "0"));
        assert!(frontier.holds(second(1), &id("z", "0")));
        assert!(frontier.holds(second(2), &id("a", "0")));
        assert!(!frontier.holds(second(2), &id("a", "1")));
        assert!(!frontier.holds(second(2), &id("b", "0")));
    }

    #[test]
    fn a_heartbeat_keeps_the_set_only_at_its_own_timestamp() {
        let mut frontier = Frontier::new(second(1));
        frontier.emit(second(2), id("a", "0"));
        assert!(!frontier.advance(second(2)));
        assert!(frontier.holds(second(2), &id("a", "0")));
        assert!(frontier.advance(second(3)));
        assert_eq!(frontier, Frontier::new(second(3)));
        assert!(!frontier.advance(second(2)), "an old heartbeat says nothing");
    }

    proptest::proptest! {
        /// Whatever is broken off wherever, a token's changes are emitted once each.
        #[test]
        fn resuming_emits_each_change_once(
            mut times in proptest::collection::vec(1..6_i64, 1..30),
            cuts in proptest::collection::vec((0..30_usize, proptest::bool::ANY), 0..8),
        ) {
            times.sort_unstable();
            let changes: Vec<_> =
                times.iter().enumerate().map(|(n, at)| (second(*at), id(&n.to_string(), "0"))).collect();
            let mut frontier = Frontier::new(second(0));
            let mut emitted = Vec::new();
            for (length, heartbeat) in cuts.into_iter().chain([(usize::MAX, true)]) {
                let from = frontier.at();
                let mut left = false;
                for (place, (at, id)) in changes.iter().filter(|(at, _)| *at >= from).enumerate() {
                    left = place >= length;
                    if left {
                        break;
                    }
                    if !frontier.holds(*at, id) {
                        frontier.emit(*at, id.clone());
                        emitted.push(id.clone());
                    }
                }
                if heartbeat && !left {
                    frontier.advance(second(6));
                }
            }
            let all: Vec<_> = changes.into_iter().map(|(_, id)| id).collect();
            proptest::prop_assert_eq!(emitted, all);
        }
    }
}
