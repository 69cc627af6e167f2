//! How far a pipeline has come, over all its shards.
//!
//! Every shard's partition of the state topic is read, but not at one instant: the end of a parent may be seen
//! before the note of its child, which the same transaction has put into another partition. So it is looked at in
//! rounds. A round begins with the question for the partitions' high watermarks, and ends when all are read up to
//! them. Whatever a round has seen end was sent, with its notes, before the next round began: so the earliest that
//! was open at the end of one round or was noted during the next is a time before which nothing is to come.

use std::collections::BTreeMap;

use super::state::{StateKey, StateValue};
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// Reads all partitions of a state topic along and says up to where everything is published.
#[derive(Debug, Default)]
pub struct PipelineProgress {
    tokens: BTreeMap<Token, Timestamp>,
    notes: BTreeMap<Token, BTreeMap<Option<Token>, Timestamp>>,
    /// The earliest that was open at the end of the last round.
    open: Option<Timestamp>,
    /// The earliest start noted since.
    noted: Option<Timestamp>,
    watermark: Option<Timestamp>,
}

impl PipelineProgress {
    /// A committed record of any shard's partition, in the order of that partition's log.
    pub fn apply(&mut self, key: StateKey, value: Option<StateValue>) {
        match (key, value) {
            (StateKey::Token(token), Some(StateValue::Token(frontier))) => {
                self.tokens.insert(token, frontier.at());
            }
            (StateKey::Token(token), _) => {
                self.tokens.remove(&token);
            }
            (StateKey::ParentFinished { child, parent }, Some(StateValue::ParentFinished(note))) => {
                self.notes.entry(child).or_default().insert(parent, note.start);
                if is_enforced(Guard::TwoRounds) {
                    self.noted = earlier(self.noted, Some(note.start));
                }
            }
            (StateKey::ParentFinished { child, parent }, _) => {
                if let Some(notes) = self.notes.get_mut(&child) {
                    notes.remove(&parent);
                    if notes.is_empty() {
                        self.notes.remove(&child);
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

    /// Every partition has been read up to the high watermark that it had at the beginning of this round.
    pub fn end_round(&mut self) {
        if self.open.is_some() {
            // What was true stays true.
            self.watermark = self.watermark.max(earlier(self.open, self.noted));
        }
        let tokens = self.tokens.values().copied();
        let waiting = self.notes.iter().filter(|(child, _)| !self.tokens.contains_key(*child));
        let waiting = waiting.flat_map(|(_, notes)| notes.values().copied());
        self.open = tokens.chain(waiting).min();
        self.noted = None;
    }

    /// Every change with an earlier commit timestamp is published; nothing before two rounds of a pipeline that
    /// has begun.
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

    fn token(progress: &mut PipelineProgress, token: &str, at: Option<i64>) {
        let value = at.map(|at| StateValue::Token(Frontier::new(second(at))));
        progress.apply(StateKey::Token(token.into()), value);
    }

    fn note(progress: &mut PipelineProgress, child: &str, start: i64) {
        let value = StateValue::ParentFinished(ParentFinished { start: second(start), parents: Vec::new() });
        progress.apply(StateKey::ParentFinished { child: child.into(), parent: None }, Some(value));
    }

    #[test]
    fn the_least_of_all_shards_after_two_rounds() {
        let mut progress = PipelineProgress::default();
        progress.end_round();
        progress.end_round();
        assert_eq!(progress.watermark(), None, "the pipeline has not begun");
        token(&mut progress, "a", Some(5));
        note(&mut progress, "b", 3);
        progress.end_round();
        assert_eq!(progress.watermark(), None);
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(3)));
        token(&mut progress, "b", Some(9));
        progress.end_round();
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(5)));
    }

    #[test]
    fn a_child_counts_when_its_note_is_seen_after_its_parents_end() {
        let mut progress = PipelineProgress::default();
        token(&mut progress, "a", Some(5));
        token(&mut progress, "z", Some(20));
        progress.end_round();
        token(&mut progress, "a", None);
        progress.end_round();
        note(&mut progress, "b", 6);
        progress.end_round();
        assert_eq!(progress.watermark(), Some(second(6)));
    }
}
