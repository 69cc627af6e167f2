//! The low watermark of a pipeline, over all its shards.
//!
//! The watermark is computed from the state topic, whose partitions are not read at one instant. The
//! end of a parent may be read before the record of its child, which the same transaction has written to
//! another partition. Therefore the partitions are read in rounds. A round begins with a query of the
//! partitions' high watermarks and ends when all partitions have been read up to them.
//!
//! Whatever a round has seen finished was committed, with the records of its children, before the next
//! round began. So no change is still to be published before the earliest timestamp that was open at the
//! end of one round or announced during the next: "Two rounds" (docs/design/publish-watermark.md).

use std::collections::BTreeMap;

use super::state::{StateKey, StateValue};
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// The progress of a pipeline, computed from all partitions of its state topic.
#[derive(Debug, Default)]
pub struct PipelineProgress {
    tokens: BTreeMap<Token, Timestamp>,
    /// The start of each announced child, by child and parent.
    announced: BTreeMap<Token, BTreeMap<Option<Token>, Timestamp>>,
    /// The earliest timestamp that was open at the end of the last round.
    earliest_open: Option<Timestamp>,
    /// The earliest start that was announced since then.
    earliest_announced: Option<Timestamp>,
    watermark: Option<Timestamp>,
}

impl PipelineProgress {
    /// Applies a committed record of any shard. The records of one partition come in log order.
    pub fn apply(&mut self, key: StateKey, value: Option<StateValue>) {
        match (key, value) {
            (StateKey::Token(token), Some(StateValue::Token(frontier))) => {
                self.tokens.insert(token, frontier.at());
            }
            (StateKey::Token(token), _) => {
                self.tokens.remove(&token);
            }
            (StateKey::ParentFinished { child, parent }, Some(StateValue::ParentFinished(record))) => {
                self.announced.entry(child).or_default().insert(parent, record.start);
                if is_enforced(Guard::TwoRounds) {
                    self.earliest_announced = earlier(self.earliest_announced, Some(record.start));
                }
            }
            (StateKey::ParentFinished { child, parent }, _) => {
                if let Some(starts) = self.announced.get_mut(&child) {
                    starts.remove(&parent);
                    if starts.is_empty() {
                        self.announced.remove(&child);
                    }
                }
            }
            (
                StateKey::Origin
                | StateKey::Owner
                | StateKey::Range(_)
                | StateKey::RangeRead(_)
                | StateKey::LatestChildStart
                | StateKey::Barrier
                | StateKey::Paused(_)
                | StateKey::SnapshotRequest(_)
                | StateKey::IncrementalSnapshot,
                _,
            ) => {}
        }
    }

    /// Ends a round: every partition has been read up to its high watermark at the round's beginning.
    pub fn end_round(&mut self) {
        if self.earliest_open.is_some() {
            // A watermark never moves back.
            self.watermark = self.watermark.max(earlier(self.earliest_open, self.earliest_announced));
        }
        let tokens = self.tokens.values().copied();
        let waiting = self.announced.iter().filter(|(child, _)| !self.tokens.contains_key(*child));
        let waiting = waiting.flat_map(|(_, starts)| starts.values().copied());
        self.earliest_open = tokens.chain(waiting).min();
        self.earliest_announced = None;
    }

    /// The timestamp before which every change is published; `None` until two rounds have ended after
    /// the pipeline's start.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::frontier::Frontier;
    use super::super::state::ParentFinished;
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn apply_token(progress: &mut PipelineProgress, token: &str, at: Option<i64>) {
        let value = at.map(|at| StateValue::Token(Frontier::new(second(at))));
        progress.apply(StateKey::Token(token.into()), value);
    }

    fn announce(progress: &mut PipelineProgress, child: &str, start: i64) {
        let value = StateValue::ParentFinished(ParentFinished { start: second(start), parents: Vec::new() });
        progress.apply(StateKey::ParentFinished { child: child.into(), parent: None }, Some(value));
    }

    #[test]
    fn watermark_is_the_minimum_of_all_shards_after_two_rounds() {
        let mut progress = PipelineProgress::default();
        progress.end_round();
        progress.end_round();
        assert_eq!(progress.watermark(), None, "the pipeline has not started");
        apply_token(&mut progress, "a", Some(5));
        announce(&mut progress, "b", 3);
        progress.end_round();
        assert_eq!(progress.watermark(), None);
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(3)));
        apply_token(&mut progress, "b", Some(9));
        progress.end_round();
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(5)));
    }

    #[test]
    fn child_read_after_the_end_of_its_parent_counts() {
        let mut progress = PipelineProgress::default();
        apply_token(&mut progress, "a", Some(5));
        apply_token(&mut progress, "z", Some(20));
        progress.end_round();
        apply_token(&mut progress, "a", None);
        progress.end_round();
        announce(&mut progress, "b", 6);
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(6)));
    }
}
