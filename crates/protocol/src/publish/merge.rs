//! The records of all tokens brought into the order of commits, each transaction whole: for an atomic pipeline.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::effect::{ChangeId, ChildTokens};
use super::token::Token;
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// Stands between the tokens' queries and a [`super::Shard`] that owns all tokens; `C` is a change record as it was read.
///
/// A transaction waits until no token can still have a part of it: every token has told all that it has up to that
/// commit timestamp, or all its records are there, by the number that each of them tells. So what is handed out is in
/// the order of commits, and what waits is at most what tokens are ahead of the one that is furthest behind.
pub struct Merge<C> {
    /// Bytes that may wait before only tokens that are furthest behind are read.
    limit: usize,
    /// Up to where, inclusively, changes are published; nothing for ever.
    end: Option<Timestamp>,
    size: usize,
    tokens: BTreeMap<Token, TokenProgress>,
    transactions: BTreeMap<Commit, Parts<C>>,
    /// Up to where every token has told its changes.
    watermark: Option<Upto>,
    /// What is to be handed out, in this order.
    ready: VecDeque<(Token, TokenEvent<C>)>,
}

/// What a token tells, in its turn.
#[derive(Debug, PartialEq)]
pub enum TokenEvent<C> {
    /// A change record; `goes_on` when the next is of the same transaction.
    Change { change: C, continues: bool },
    /// For [`super::Shard::add_heartbeat`].
    Heartbeat(Timestamp),
    /// For [`super::Shard::add_children`].
    Children(ChildTokens),
    /// For [`super::Shard::end_query`].
    Ended,
    /// For [`super::Shard::restart_query`].
    Interrupted,
}

/// A transaction, by the order of commits.
type Commit = (Timestamp, Arc<str>);

/// All changes before the timestamp have been told, and when it is true also those at it.
type Upto = (Timestamp, bool);

struct Parts<C> {
    /// Change records of the transaction in all tokens.
    records: usize,
    parts: Vec<TransactionPart<C>>,
}

struct TransactionPart<C> {
    token: Token,
    id: ChangeId,
    change: C,
    size: usize,
}

/// What a token has told.
struct TokenProgress {
    /// Nothing when it will tell no more.
    upto: Option<Upto>,
    /// Its change records that wait.
    waiting: usize,
    /// Comes behind them.
    heartbeat: Option<Timestamp>,
    children: Vec<ChildTokens>,
}

impl TokenProgress {
    fn from(start: Timestamp) -> Self {
        Self { upto: Some((start, false)), waiting: 0, heartbeat: None, children: Vec::new() }
    }
}

impl<C> Merge<C> {
    /// Holds about `limit` bytes of changes up to `end`.
    pub fn new(limit: usize, end: Option<Timestamp>) -> Self {
        Self {
            limit,
            end,
            size: 0,
            tokens: BTreeMap::new(),
            transactions: BTreeMap::new(),
            watermark: None,
            ready: VecDeque::new(),
        }
    }

    /// These tokens will be queried from there on: what is in none of the others is still to come in them.
    pub fn expect_tokens<'t>(&mut self, tokens: impl IntoIterator<Item = &'t Token>, start: Timestamp) {
        for token in tokens {
            self.tokens.entry(token.clone()).or_insert_with(|| TokenProgress::from(start));
        }
        self.look();
    }

    /// Changes are published up to there. What waits and is behind it is dropped, and stands for how far its token
    /// has come.
    pub fn set_end(&mut self, end: Option<Timestamp>) {
        self.end = end;
        let Some(end) = end else { return };
        let is_past = |(at, _): &Commit| *at > end;
        let past: Vec<Commit> = self.transactions.keys().filter(|commit| is_past(commit)).cloned().collect();
        for commit in past {
            let Some(Parts { parts, .. }) = self.transactions.remove(&commit) else { continue };
            for TransactionPart { token, size, .. } in parts {
                self.size -= size;
                let Some(told) = self.tokens.get_mut(&token) else { continue };
                told.waiting -= 1;
                // The first of them is where it goes on.
                told.heartbeat = Some(told.heartbeat.map_or(commit.0, |at| at.min(commit.0)));
                self.settle(&token);
            }
        }
    }

    /// The token is queried from there on, for the first time or again.
    pub fn start_query(&mut self, token: Token, start: Timestamp) {
        self.forget(&token);
        // What has come out and was not taken in: it comes again, and not all that it stood for is there any more.
        self.ready.retain(|(of, turn)| *of != token || matches!(turn, TokenEvent::Change { .. }));
        self.tokens.insert(token, TokenProgress::from(start));
        self.look();
    }

    /// The token is not read any more.
    pub fn stop_token(&mut self, token: &Token) {
        self.forget(token);
        self.tokens.remove(token);
        self.look();
    }

    /// A change record that has not been emitted, of a transaction with so many `records` in all tokens.
    pub fn add_change(
        &mut self,
        token: &Token,
        at: Timestamp,
        id: ChangeId,
        records: usize,
        change: C,
        size: usize,
    ) {
        if self.end.is_some_and(|end| at > end) {
            self.add_heartbeat(token, at);
            return;
        }
        let Some(told) = self.tokens.get_mut(token) else { return };
        told.upto = told.upto.max(Some((at, false)));
        told.waiting += 1;
        told.heartbeat = None;
        self.size += size;
        let commit = (at, id.transaction.clone());
        let transaction =
            self.transactions.entry(commit).or_insert_with(|| Parts { records, parts: Vec::new() });
        transaction.parts.push(TransactionPart { token: token.clone(), id, change, size });
        self.look();
    }

    /// All of the token's changes up to there have come.
    pub fn add_heartbeat(&mut self, token: &Token, at: Timestamp) {
        let past = |at: &Timestamp| self.end.is_some_and(|end| *at > end);
        let Some(told) = self.tokens.get_mut(token) else { return };
        // The first that is past the end is what the token has come to.
        if !told.heartbeat.as_ref().is_some_and(past) {
            told.upto = told.upto.max(Some((at, true)));
            told.heartbeat = told.heartbeat.max(Some(at));
        }
        self.settle(token);
        self.look();
    }

    /// The token's children: from their start on they have what it has no more.
    pub fn add_children(&mut self, token: &Token, children: ChildTokens) {
        let Some(told) = self.tokens.get_mut(token) else { return };
        told.children.push(children.clone());
        self.expect_tokens(children.children.iter().map(|(child, _)| child), children.start);
    }

    /// The token's query has ended by itself.
    pub fn end_query(&mut self, token: &Token) {
        let Some(told) = self.tokens.get_mut(token) else { return };
        if told.children.is_empty() {
            // A drop-out, after any part of what it has to tell.
            self.forget(token);
            self.ready.push_back((token.clone(), TokenEvent::Ended));
        } else {
            told.upto = None;
            self.settle(token);
        }
        self.look();
    }

    /// The token's query has broken off.
    pub fn interrupt_query(&mut self, token: &Token) {
        self.forget(token);
        self.ready.push_back((token.clone(), TokenEvent::Interrupted));
    }

    /// The next, in the order of commits.
    pub fn take_next(&mut self) -> Option<(Token, TokenEvent<C>)> {
        if self.ready.is_empty() {
            self.hand_out();
        }
        self.ready.pop_front()
    }

    /// True if the token is to be read: when much waits, only one that the others wait for.
    pub fn may_read(&self, token: &Token) -> bool {
        let furthest_behind = || {
            let upto = self.tokens.get(token).and_then(|told| told.upto);
            upto.is_some_and(|(at, _)| self.watermark.is_none_or(|(watermark, _)| at <= watermark))
        };
        self.size < self.limit || furthest_behind()
    }

    /// Moves the first transaction that is whole, if one is.
    fn hand_out(&mut self) {
        let Some(commit) = self.whole() else { return };
        let Some(Parts { mut parts, .. }) = self.transactions.remove(&commit) else { return };
        parts.sort_by(|one, other| (&one.id, &one.token).cmp(&(&other.id, &other.token)));
        let mut left = parts.len();
        for TransactionPart { token, change, size, .. } in parts {
            (left, self.size) = (left - 1, self.size - size);
            self.ready.push_back((token.clone(), TokenEvent::Change { change, continues: left > 0 }));
            if let Some(told) = self.tokens.get_mut(&token) {
                told.waiting -= 1;
            }
            self.settle(&token);
        }
    }

    fn whole(&self) -> Option<Commit> {
        let (first, _) = self.transactions.first_key_value()?;
        let passed = |at: Timestamp| self.watermark.is_none_or(|watermark| (at, true) <= watermark);
        if passed(first.0) || !is_enforced(Guard::EveryTokenHasPassed) {
            return Some(first.clone());
        }
        // A parent that has ended may have some at its children's start, which none of them has reached: by the
        // watermark alone each would wait for the other.
        let reached = |at: Timestamp| self.watermark.is_none_or(|(watermark, _)| at <= watermark);
        let mut there = self.transactions.iter().take_while(|((at, _), _)| *at == first.0 && reached(*at));
        there.find(|(_, parts)| parts.parts.len() >= parts.records).map(|(commit, _)| commit.clone())
    }

    /// What the token has told behind its last change comes out when that has.
    fn settle(&mut self, token: &Token) {
        let Some(told) = self.tokens.get_mut(token).filter(|told| told.waiting == 0) else { return };
        let turn = |turn| (token.clone(), turn);
        self.ready.extend(told.heartbeat.take().map(TokenEvent::Heartbeat).map(turn));
        if told.upto.is_none() {
            let children = std::mem::take(&mut told.children);
            self.ready
                .extend(children.into_iter().map(TokenEvent::Children).chain([TokenEvent::Ended]).map(turn));
            self.tokens.remove(token);
        }
    }

    /// Drops what the token has told and is not handed out: it comes again, and until then the token has not told it.
    fn forget(&mut self, token: &Token) {
        let Some(told) = self.tokens.get_mut(token) else { return };
        (told.waiting, told.heartbeat) = (0, None);
        told.children.clear();
        let (size, upto) = (&mut self.size, &mut told.upto);
        self.transactions.retain(|(at, _), transaction| {
            transaction.parts.retain(|part| {
                let stays = part.token != *token;
                if !stays {
                    *size -= part.size;
                    *upto = (*upto).min(Some((*at, false)));
                }
                stays
            });
            !transaction.parts.is_empty()
        });
        self.look();
    }

    fn look(&mut self) {
        self.watermark = self.tokens.values().filter_map(|told| told.upto).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    fn change(merge: &mut Merge<i64>, token: &Token, at: i64) {
        let id = ChangeId { transaction: at.to_string().into(), sequence: "0".into(), table: "T".into() };
        merge.add_change(token, second(at), id, 1, at, 10);
    }

    #[test]
    fn what_waits_behind_a_new_end_is_where_its_token_goes_on() {
        let (mut merge, one, other) = (Merge::new(100, None), Token::from("1"), Token::from("2"));
        merge.start_query(one.clone(), second(0));
        merge.start_query(other.clone(), second(0));
        for at in [3, 5, 7] {
            change(&mut merge, &one, at);
        }
        merge.add_heartbeat(&one, second(9));
        merge.set_end(Some(second(4)));
        merge.add_heartbeat(&other, second(6));
        let turns: Vec<_> = std::iter::from_fn(|| merge.take_next()).collect();
        let expected = [
            (other, TokenEvent::Heartbeat(second(6))),
            (one.clone(), TokenEvent::Change { change: 3, continues: false }),
            (one, TokenEvent::Heartbeat(second(5))),
        ];
        assert_eq!(turns, expected);
    }

    #[test]
    fn what_was_told_of_a_time_behind_the_end_is_forgotten_when_the_token_is_queried_again() {
        let (mut merge, token) = (Merge::new(100, None), Token::from("1"));
        merge.start_query(token.clone(), second(0));
        merge.set_end(Some(second(4)));
        merge.add_heartbeat(&token, second(5));
        assert_eq!(merge.take_next(), Some((token.clone(), TokenEvent::Heartbeat(second(5)))));
        // Neither of them is handed in: the token has stopped.
        change(&mut merge, &token, 6);
        merge.add_heartbeat(&token, second(7));
        merge.set_end(None);
        merge.start_query(token.clone(), second(5));
        assert_eq!(merge.take_next(), None);
        change(&mut merge, &token, 6);
        merge.add_heartbeat(&token, second(7));
        let turns: Vec<_> = std::iter::from_fn(|| merge.take_next()).map(|(_, turn)| turn).collect();
        assert_eq!(
            turns,
            [TokenEvent::Change { change: 6, continues: false }, TokenEvent::Heartbeat(second(7))]
        );
    }
}
