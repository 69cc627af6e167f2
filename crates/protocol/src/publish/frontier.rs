//! The frontier of a token: how far its changes have been emitted.

use std::collections::BTreeSet;

use super::change_id::ChangeId;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// How far a token's changes have been emitted: every change before a commit timestamp, and a set of
/// changes at that timestamp.
///
/// A query resumes at the timestamp inclusively, so the changes at it are delivered again. Several
/// transactions may share a commit timestamp, so a comparison of timestamps does not suffice:
/// "Frontier set" (docs/design/publish-frontier-and-lineage.md).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Frontier {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    emitted: BTreeSet<ChangeId>,
}

impl Frontier {
    /// Creates the frontier of a token that starts at `start` and has emitted nothing.
    pub fn new(start: Timestamp) -> Self {
        Self { at: start, emitted: BTreeSet::new() }
    }

    /// The inclusive timestamp at which a query resumes.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Returns whether the change record has been emitted.
    pub(super) fn contains(&self, at: Timestamp, id: &ChangeId) -> bool {
        at < self.at || (at == self.at && self.emitted.contains(id) && is_enforced(Guard::FrontierSet))
    }

    /// Adds an emitted change record.
    ///
    /// # Panics
    /// If the record precedes the frontier.
    pub(super) fn add(&mut self, at: Timestamp, id: ChangeId) {
        assert!(at >= self.at, "a frontier never moves back");
        if at > self.at {
            *self = Self::new(at);
        }
        self.emitted.insert(id);
    }

    /// Moves the frontier to a heartbeat's timestamp. Returns false if the frontier does not move.
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
    fn frontier_distinguishes_transactions_at_one_timestamp() {
        let mut frontier = Frontier::new(second(1));
        frontier.add(second(2), id("a", "0"));
        assert!(frontier.contains(second(1), &id("z", "0")));
        assert!(frontier.contains(second(2), &id("a", "0")));
        assert!(!frontier.contains(second(2), &id("a", "1")));
        assert!(!frontier.contains(second(2), &id("b", "0")));
    }

    #[test]
    fn heartbeat_keeps_the_set_only_at_its_own_timestamp() {
        let mut frontier = Frontier::new(second(1));
        frontier.add(second(2), id("a", "0"));
        assert!(!frontier.advance(second(2)));
        assert!(frontier.contains(second(2), &id("a", "0")));
        assert!(frontier.advance(second(3)));
        assert_eq!(frontier, Frontier::new(second(3)));
        assert!(!frontier.advance(second(2)), "an old heartbeat does not move the frontier");
    }

    proptest::proptest! {
        /// Each change of a token is emitted once, wherever its queries break off.
        #[test]
        fn resumed_query_emits_each_change_once(
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
                let mut is_cut = false;
                for (index, (at, id)) in changes.iter().filter(|(at, _)| *at >= from).enumerate() {
                    is_cut = index >= length;
                    if is_cut {
                        break;
                    }
                    if !frontier.contains(*at, id) {
                        frontier.add(*at, id.clone());
                        emitted.push(id.clone());
                    }
                }
                if heartbeat && !is_cut {
                    frontier.advance(second(6));
                }
            }
            let all: Vec<_> = changes.into_iter().map(|(_, id)| id).collect();
            proptest::prop_assert_eq!(emitted, all);
        }
    }
}
