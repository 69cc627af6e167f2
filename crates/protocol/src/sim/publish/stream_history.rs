//! The history of a change stream: tokens that split and merge, and transactions that share timestamps.

use std::collections::BTreeSet;

use crate::publish::{ChangeId, ChildTokens, Token};
use crate::sim::rng::Rng;
use crate::value::Timestamp;

/// One change record of one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChangeRecord {
    pub(super) at: i64,
    pub(super) id: ChangeId,
    pub(super) key: usize,
    /// True if the record is the last of its transaction in its token.
    pub(super) last: bool,
    /// Number of change records of its transaction.
    pub(super) records: usize,
}

/// The offset that is added to the keys of rows of the initial snapshot.
pub(super) const SNAPSHOT_KEYS: usize = 300;

/// The key of the marker at the start of a transaction.
pub(super) const BEGIN_KEY: usize = 100;
/// The key of the marker at the end of a transaction, plus the transaction's number of changes.
pub(super) const END_KEY: usize = 200;

/// The token name under which an atomic pipeline counts events.
pub(super) const ALL_TOKENS: &str = "";

impl ChangeRecord {
    /// Returns the marker of this change's transaction in a token.
    pub(super) fn marker(&self, token: &Token, key: usize) -> Self {
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

pub(super) struct StreamHistory {
    tokens: Vec<TokenHistory>,
    /// All changes in commit order.
    pub(super) changes: Vec<ChangeRecord>,
    /// The expected transaction markers in each token.
    pub(super) markers: Vec<ChangeRecord>,
    /// The expected transaction markers of an atomic pipeline.
    pub(super) atomic_markers: Vec<ChangeRecord>,
}

/// The next item of a query.
pub(super) enum StreamItem {
    Change(ChangeRecord),
    Heartbeat(i64),
    Children(ChildTokens),
    End,
}

pub(super) fn instant(at: i64) -> Timestamp {
    Timestamp::from_timestamp(at, 0).unwrap()
}

impl StreamHistory {
    pub(super) fn generate(rng: &mut Rng) -> Self {
        let mut history = Self { tokens: vec![], changes: vec![], markers: vec![], atomic_markers: vec![] };
        history.add_token(0, vec![], (0..4).collect());
        history.add_token(0, vec![], (4..8).collect());
        let mut at = 1;
        for number in 0..40 + rng.below(60) {
            if !rng.percent(40) {
                at += 1 + rng.below(3) as i64;
            }
            if rng.percent(12) {
                // The tokens change behind all transactions at this timestamp, or at the next one.
                at += rng.below(2) as i64;
                history.split_or_merge(rng, at);
            }
            history.add_transaction(rng, at, number);
        }
        history
    }

    /// Returns the tokens that contain the changes after `at`.
    pub(super) fn roots(&self, at: i64) -> Vec<Token> {
        let lives = |token: &&TokenHistory| token.start <= at && token.end.is_none_or(|end| end > at);
        self.tokens.iter().filter(lives).map(|token| token.token.clone()).collect()
    }

    /// Returns the rows as of `at` in key order, each as its last change.
    pub(super) fn rows(&self, at: i64) -> impl Iterator<Item = ChangeRecord> {
        (0..8).filter_map(move |key| {
            let mut changes = self.changes.iter().rev();
            let last = changes.find(|change| change.key == key && change.at <= at)?;
            Some(ChangeRecord { key: SNAPSHOT_KEYS + key, at, ..last.clone() })
        })
    }

    /// Returns the item of index `index` in a query of this token from `start`.
    pub(super) fn item(
        &self,
        token: &Token,
        start: Timestamp,
        index: usize,
        clock: i64,
    ) -> Option<StreamItem> {
        let of_token = self.tokens.iter().find(|of_token| of_token.token == *token)?;
        let end = of_token.end.filter(|end| *end <= clock);
        let is_visible = |change: &&ChangeRecord| instant(change.at) >= start && change.at <= clock;
        if let Some(change) = of_token.changes.iter().filter(is_visible).nth(index) {
            return Some(StreamItem::Change(change.clone()));
        }
        let after_changes = index - of_token.changes.iter().filter(is_visible).count();
        let Some(end) = end else { return Some(StreamItem::Heartbeat(clock)) };
        let mut children = self.tokens.iter().filter(|child| child.parents.contains(token));
        // Each child comes in a separate record.
        Some(children.nth(after_changes).map_or(StreamItem::End, |child| {
            let children = vec![(child.token.clone(), child.parents.clone())];
            StreamItem::Children(ChildTokens { start: instant(end), children })
        }))
    }

    fn add_token(&mut self, start: i64, parents: Vec<Token>, keys: BTreeSet<usize>) {
        let token = Token::from(&*format!("token-{}", self.tokens.len()));
        self.tokens.push(TokenHistory { token, start, end: None, parents, keys, changes: Vec::new() });
    }

    /// Splits an open token, or merges two.
    fn split_or_merge(&mut self, rng: &mut Rng, at: i64) {
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
            self.add_token(at, parents, keys);
        } else {
            let (some, rest) = keys.iter().partition(|key| **key % 2 == 0);
            self.add_token(at, vec![name.clone()], some);
            self.add_token(at, vec![name], rest);
        }
    }

    /// Adds a transaction over a few keys. Each key has one change record, in the token that contains the key.
    fn add_transaction(&mut self, rng: &mut Rng, at: i64, number: usize) {
        let keys: BTreeSet<usize> = (0..1 + rng.below(3)).map(|_| rng.below(8)).collect();
        let token = |key: &usize| {
            let holds = |token: &TokenHistory| token.end.is_none() && token.keys.contains(key);
            self.tokens.iter().position(holds).expect("open tokens cover all keys")
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
            let whole = Token::from(ALL_TOKENS);
            if sequence == 0 {
                self.atomic_markers.push(change.marker(&whole, BEGIN_KEY));
            }
            if sequence + 1 == tokens.len() {
                self.atomic_markers.push(change.marker(&whole, END_KEY + tokens.len()));
            }
            if !tokens[..sequence].contains(token) {
                self.markers.push(change.marker(&name, BEGIN_KEY));
            }
            if last {
                let count = tokens.iter().filter(|other| *other == token).count();
                self.markers.push(change.marker(&name, END_KEY + count));
            }
            self.tokens[*token].changes.push(change.clone());
            self.changes.push(change);
        }
    }
}
