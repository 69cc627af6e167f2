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
//!
//! Compaction takes the tombstones that a follower has not read for long, so a follower that has paused
//! reads the topic from its beginning again: "No progress across a pause".

use std::collections::BTreeMap;
use std::time::Duration;

use super::state::{StateKey, StateValue};
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// The progress of a pipeline, computed from all partitions of its state topic.
#[derive(Debug)]
pub struct PipelineProgress {
    /// The longest pause between two rounds after which the state that was read still holds.
    max_pause: Duration,
    /// The end of the last complete round, as a duration since any fixed instant.
    round_ended: Option<Duration>,
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
    /// Creates the progress of a follower that has read nothing. `max_pause` must be well below the state
    /// topic's `delete.retention.ms`.
    pub fn new(max_pause: Duration) -> Self {
        Self {
            max_pause,
            round_ended: None,
            tokens: BTreeMap::new(),
            announced: BTreeMap::new(),
            earliest_open: None,
            earliest_announced: None,
            watermark: None,
        }
    }

    /// Begins a round, also after one that has failed. Returns true if this round reads every partition from
    /// its log start: it is the first one, or the last complete one ended too long ago.
    ///
    /// The duration of a round does not count, or a long first round would be repeated for ever.
    #[must_use]
    pub fn begin_round(&mut self, now: Duration) -> bool {
        let has_paused = |ended| now.saturating_sub(ended) > self.max_pause;
        let holds = match self.round_ended {
            Some(ended) => !has_paused(ended) || !is_enforced(Guard::NoProgressAcrossPause),
            None => false,
        };
        if !holds {
            // The watermark stays true.
            *self = Self { watermark: self.watermark, ..Self::new(self.max_pause) };
        }
        !holds
    }

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
    pub fn end_round(&mut self, now: Duration) {
        self.round_ended = Some(now);
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

    const MAX_PAUSE: Duration = Duration::from_secs(60);

    fn new_progress() -> PipelineProgress {
        let mut progress = PipelineProgress::new(MAX_PAUSE);
        assert!(progress.begin_round(Duration::ZERO), "the first round reads everything");
        progress
    }

    fn end_round(progress: &mut PipelineProgress) {
        progress.end_round(Duration::ZERO);
        assert!(!progress.begin_round(MAX_PAUSE));
    }

    #[test]
    fn watermark_is_the_minimum_of_all_shards_after_two_rounds() {
        let mut progress = new_progress();
        end_round(&mut progress);
        end_round(&mut progress);
        assert_eq!(progress.watermark(), None, "the pipeline has not started");
        apply_token(&mut progress, "a", Some(5));
        announce(&mut progress, "b", 3);
        end_round(&mut progress);
        assert_eq!(progress.watermark(), None);
        end_round(&mut progress);
        assert_eq!(progress.watermark(), Some(second(3)));
        apply_token(&mut progress, "b", Some(9));
        end_round(&mut progress);
        end_round(&mut progress);
        assert_eq!(progress.watermark(), Some(second(5)));
    }

    #[test]
    fn child_read_after_the_end_of_its_parent_counts() {
        let mut progress = new_progress();
        apply_token(&mut progress, "a", Some(5));
        apply_token(&mut progress, "z", Some(20));
        end_round(&mut progress);
        apply_token(&mut progress, "a", None);
        end_round(&mut progress);
        announce(&mut progress, "b", 6);
        end_round(&mut progress);
        assert_eq!(progress.watermark(), Some(second(6)));
    }

    #[test]
    fn follower_that_has_paused_forgets_tokens_but_not_the_watermark() {
        let mut progress = new_progress();
        apply_token(&mut progress, "finished", Some(5));
        end_round(&mut progress);
        progress.end_round(MAX_PAUSE);
        assert_eq!(progress.watermark(), Some(second(5)));
        // The token finishes, and compaction takes its tombstone.
        let awake = MAX_PAUSE * 2 + Duration::from_millis(1);
        assert!(progress.begin_round(awake));
        assert!(progress.begin_round(awake), "the round has failed");
        apply_token(&mut progress, "child", Some(9));
        // A round that reads everything may take longer than the pause.
        progress.end_round(awake + MAX_PAUSE * 5);
        assert_eq!(progress.watermark(), Some(second(5)), "it needs two rounds again");
        assert!(!progress.begin_round(awake + MAX_PAUSE * 6));
        progress.end_round(awake + MAX_PAUSE * 9);
        assert_eq!(progress.watermark(), Some(second(9)));
    }
}
