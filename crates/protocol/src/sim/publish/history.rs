//! A change stream's history: tokens that split and merge, and changes that share timestamps.

use std::collections::BTreeSet;

use super::super::Rng;
use crate::publish::{ChangeId, ChildTokens, Token};
use crate::value::Timestamp;

/// One change record of one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeRecord {
    pub(super) at: i64,
    pub(super) id: ChangeId,
    pub(super) key: usize,
    /// The last of its transaction in its token.
    pub(super) last: bool,
    /// Number of change records of its transaction.
    pub(super) records: usize,
}

/// The rows of a snapshot, as changes of keys that none has.
pub(super) const READ: usize = 300;

/// What is published beside the changes, as changes of keys that none has.
pub(super) const BEGIN: usize = 100;
/// And the number of changes that the transaction has in the token.
pub(super) const END: usize = 200;

/// Stands for all tokens, where transactions are whole.
pub(super) const WHOLE: &str = "";

impl ChangeRecord {
    /// The record that this change's transaction begins or ends in that token.
    pub(super) fn mark(&self, token: &Token, key: usize) -> Self {
        let id = ChangeId { sequence: token.0.clone(), ..self.id.clone() };
        Self { id, key, ..self.clone() }
    }
}

struct TokenHistory {
    token: Token,
    start: i64,
    end: Option<i64>,
    parents: Vec<Token>,
    keys: BTreeSet<usize>,
    changes: Vec<ChangeRecord>,
}

pub(super) struct History {
    tokens: Vec<TokenHistory>,
    /// In the order of commits.
    pub(super) changes: Vec<ChangeRecord>,
    /// The marks that there must be.
    pub(super) marks: Vec<ChangeRecord>,
    /// And those where transactions are whole.
    pub(super) whole_marks: Vec<ChangeRecord>,
}

/// What a query sees next.
pub(super) enum StreamItem {
    Change(ChangeRecord),
    Heartbeat(i64),
    Children(ChildTokens),
    End,
}

pub(super) fn instant(at: i64) -> Timestamp {
    Timestamp::from_timestamp(at, 0).unwrap()
}

impl History {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let mut history = Self { tokens: vec![], changes: vec![], marks: vec![], whole_marks: vec![] };
        history.begin(0, vec![], (0..4).collect());
        history.begin(0, vec![], (4..8).collect());
        let mut at = 1;
        for number in 0..40 + rng.below(60) {
            if !rng.percent(40) {
                at += 1 + rng.below(3) as i64;
            }
            if rng.percent(12) {
                // Behind all that stands at this timestamp, or before it.
                at += rng.below(2) as i64;
                history.reshape(rng, at);
            }
            history.transaction(rng, at, number);
        }
        history
    }

    /// The tokens that hold what comes behind `at`.
    pub(super) fn roots(&self, at: i64) -> Vec<Token> {
        let lives = |token: &&TokenHistory| token.start <= at && token.end.is_none_or(|end| end > at);
        self.tokens.iter().filter(lives).map(|token| token.token.clone()).collect()
    }

    /// The rows as they were at `at`, by their last change, in the order of keys.
    pub(super) fn rows(&self, at: i64) -> impl Iterator<Item = ChangeRecord> {
        (0..8).filter_map(move |key| {
            let mut changes = self.changes.iter().rev();
            let last = changes.find(|change| change.key == key && change.at <= at)?;
            Some(ChangeRecord { key: READ + key, at, ..last.clone() })
        })
    }

    /// The item `place` of a query of this token from `start` on.
    pub(super) fn see(
        &self,
        token: &Token,
        start: Timestamp,
        place: usize,
        clock: i64,
    ) -> Option<StreamItem> {
        let stretch = self.tokens.iter().find(|stretch| stretch.token == *token)?;
        let horizon = stretch.end.filter(|end| *end <= clock);
        let seen = |change: &&ChangeRecord| instant(change.at) >= start && change.at <= clock;
        if let Some(change) = stretch.changes.iter().filter(seen).nth(place) {
            return Some(StreamItem::Change(change.clone()));
        }
        let behind = place - stretch.changes.iter().filter(seen).count();
        let Some(end) = horizon else { return Some(StreamItem::Heartbeat(clock)) };
        let mut children = self.tokens.iter().filter(|child| child.parents.contains(token));
        // One record a child: there may be several.
        Some(children.nth(behind).map_or(StreamItem::End, |child| {
            let children = vec![(child.token.clone(), child.parents.clone())];
            StreamItem::Children(ChildTokens { start: instant(end), children })
        }))
    }

    fn begin(&mut self, start: i64, parents: Vec<Token>, keys: BTreeSet<usize>) {
        let token = Token::from(&*format!("token-{}", self.tokens.len()));
        self.tokens.push(TokenHistory { token, start, end: None, parents, keys, changes: Vec::new() });
    }

    /// Splits a live token, or merges two.
    fn reshape(&mut self, rng: &mut Rng, at: i64) {
        let mut live: Vec<usize> = (0..self.tokens.len())
            .filter(|token| self.tokens[*token].end.is_none() && self.tokens[*token].start < at)
            .collect();
        let Some(one) = rng.draw(&mut live) else { return };
        self.tokens[one].end = Some(at);
        let (name, keys) = (self.tokens[one].token.clone(), self.tokens[one].keys.clone());
        if let (true, Some(other)) = (rng.percent(50), rng.draw(&mut live)) {
            self.tokens[other].end = Some(at);
            let parents = vec![name, self.tokens[other].token.clone()];
            let keys = &keys | &self.tokens[other].keys;
            self.begin(at, parents, keys);
        } else {
            let (some, rest) = keys.iter().partition(|key| **key % 2 == 0);
            self.begin(at, vec![name.clone()], some);
            self.begin(at, vec![name], rest);
        }
    }

    /// A transaction over a few keys: a change record each, in the token that holds the key.
    fn transaction(&mut self, rng: &mut Rng, at: i64, number: usize) {
        let keys: BTreeSet<usize> = (0..1 + rng.below(3)).map(|_| rng.below(8)).collect();
        let token = |key: &usize| {
            let holds = |token: &TokenHistory| token.end.is_none() && token.keys.contains(key);
            self.tokens.iter().position(holds).expect("live tokens cover all keys")
        };
        let tokens: Vec<usize> = keys.iter().map(token).collect();
        for (sequence, (key, token)) in keys.into_iter().zip(&tokens).enumerate() {
            let id = ChangeId {
                transaction: format!("{number:03}").into(),
                sequence: format!("{sequence}").into(),
                table: "T".into(),
            };
            let last = !tokens[sequence + 1..].contains(token);
            let change = ChangeRecord { at, id, key, last, records: tokens.len() };
            let name = self.tokens[*token].token.clone();
            let whole = Token::from(WHOLE);
            if sequence == 0 {
                self.whole_marks.push(change.mark(&whole, BEGIN));
            }
            if sequence + 1 == tokens.len() {
                self.whole_marks.push(change.mark(&whole, END + tokens.len()));
            }
            if !tokens[..sequence].contains(token) {
                self.marks.push(change.mark(&name, BEGIN));
            }
            if last {
                let count = tokens.iter().filter(|other| *other == token).count();
                self.marks.push(change.mark(&name, END + count));
            }
            self.tokens[*token].changes.push(change.clone());
            self.changes.push(change);
        }
    }
}
