//! The commit order of an atomic pipeline: the events of all tokens, with each transaction complete.
//!
//! A [`Merge`] stands between the queries of the tokens and a [`super::Shard`] that owns all tokens.
//! The service feeds it the items of the queries, and takes the events out in commit order. It never
//! decides what is published: changes reach it only if the shard has not emitted them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::change_id::ChangeId;
use super::token::{ChildTokens, Token};
use crate::guard::{Guard, is_enforced};
use crate::value::Timestamp;

/// A merge of all tokens' events into commit order. `C` is a change record as the service read it.
///
/// A transaction waits until no token can still deliver a part of it: "Every token has passed"
/// (docs/design/publish-atomic.md). That is known if every token has delivered everything up to the
/// commit timestamp, or if all records are here, by the count that each of them carries. At most the
/// changes by which tokens are ahead of the slowest one wait here.
pub struct Merge<C> {
    /// The number of bytes beyond which only the slowest tokens are read.
    limit: usize,
    /// The last commit timestamp to publish; `None` means no end.
    end: Option<Timestamp>,
    /// The size of all waiting changes in bytes.
    size: usize,
    tokens: BTreeMap<Token, TokenDelivery>,
    transactions: BTreeMap<CommitKey, PendingTransaction<C>>,
    /// The position that every token has reached.
    watermark: Option<DeliveryPosition>,
    /// The events to take out, in this order.
    ready: VecDeque<(Token, TokenEvent<C>)>,
}

/// An event of a token, in commit order.
#[derive(Debug, PartialEq)]
pub enum TokenEvent<C> {
    /// A change record that the shard has not emitted.
    Change {
        /// The change record.
        change: C,
        /// True if the next change belongs to the same transaction.
        continues: bool,
    },
    /// An input for [`super::Shard::add_heartbeat`].
    Heartbeat(Timestamp),
    /// An input for [`super::Shard::add_children`].
    Children(ChildTokens),
    /// A call of [`super::Shard::end_query`].
    Ended,
    /// A call of [`super::Shard::restart_query`].
    Interrupted,
}

/// The sort key of a transaction: commit timestamp and `server_transaction_id`.
type CommitKey = (Timestamp, Arc<str>);

/// How far a token has delivered its changes: all before the timestamp and, if the flag is true, also
/// all at it.
type DeliveryPosition = (Timestamp, bool);

struct PendingTransaction<C> {
    /// The number of the transaction's change records in all tokens.
    records: usize,
    parts: Vec<PendingChange<C>>,
}

struct PendingChange<C> {
    token: Token,
    id: ChangeId,
    change: C,
    size: usize,
}

/// The events that a token has delivered.
struct TokenDelivery {
    /// `None` if the token delivers nothing more.
    position: Option<DeliveryPosition>,
    /// The number of its waiting changes.
    waiting: usize,
    /// A heartbeat that follows the waiting changes.
    heartbeat: Option<Timestamp>,
    /// The children, which follow the waiting changes.
    children: Vec<ChildTokens>,
    /// True if its query is past the end, so that changes of it may have been dropped.
    is_past_end: bool,
    /// True if its query has to be restarted. Until then the token delivers nothing: what came would pass
    /// the changes that have been dropped.
    is_interrupted: bool,
}

impl TokenDelivery {
    fn starting_at(start: Timestamp) -> Self {
        Self {
            position: Some((start, false)),
            waiting: 0,
            heartbeat: None,
            children: Vec::new(),
            is_past_end: false,
            is_interrupted: false,
        }
    }
}

impl<C> Merge<C> {
    /// Creates a merge that holds about `limit` bytes of changes up to `end`.
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

    /// Announces tokens that will be queried from `start`: they may deliver any change from there on.
    pub fn expect_tokens<'t>(&mut self, tokens: impl IntoIterator<Item = &'t Token>, start: Timestamp) {
        for token in tokens {
            self.tokens.entry(token.clone()).or_insert_with(|| TokenDelivery::starting_at(start));
        }
        self.update_watermark();
    }

    /// Sets the last commit timestamp to publish. Waiting changes after it become a heartbeat of their
    /// token, because they will be delivered again. With a later end, the tokens that are past the previous
    /// one are interrupted, because their queries do not deliver the dropped changes again.
    pub fn set_end(&mut self, end: Option<Timestamp>) {
        let previous = std::mem::replace(&mut self.end, end);
        if let Some(previous) = previous
            && end.is_none_or(|end| end > previous)
        {
            self.interrupt_tokens_past(previous);
        }
        let Some(end) = end else { return };
        let is_past = |(at, _): &CommitKey| *at > end;
        let past: Vec<CommitKey> =
            self.transactions.keys().filter(|commit| is_past(commit)).cloned().collect();
        for commit in past {
            let Some(PendingTransaction { parts, .. }) = self.transactions.remove(&commit) else { continue };
            for PendingChange { token, size, .. } in parts {
                self.size -= size;
                let Some(state) = self.tokens.get_mut(&token) else { continue };
                state.waiting -= 1;
                state.is_past_end = true;
                // The query resumes at the first of them.
                state.heartbeat = Some(state.heartbeat.map_or(commit.0, |at| at.min(commit.0)));
                self.release_trailing_events(&token);
            }
        }
    }

    /// Records that the token is queried from `start`, for the first time or again.
    pub fn start_query(&mut self, token: Token, start: Timestamp) {
        self.forget(&token);
        // The query delivers everything but changes again. A heartbeat, children or an end from before
        // may cover changes that have been forgotten.
        self.ready.retain(|(of, event)| *of != token || matches!(event, TokenEvent::Change { .. }));
        self.tokens.insert(token, TokenDelivery::starting_at(start));
        self.update_watermark();
    }

    /// Removes a token whose query has stopped.
    pub fn stop_token(&mut self, token: &Token) {
        self.forget(token);
        self.tokens.remove(token);
        self.update_watermark();
    }

    /// Adds a change record that has not been emitted. Its transaction has `records` change records in
    /// all tokens. `size` is in bytes.
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
        let Some(state) = self.delivering(token) else { return };
        state.position = state.position.max(Some((at, false)));
        state.waiting += 1;
        state.heartbeat = None;
        self.size += size;
        let commit = (at, id.transaction.clone());
        let transaction = self
            .transactions
            .entry(commit)
            .or_insert_with(|| PendingTransaction { records, parts: Vec::new() });
        transaction.parts.push(PendingChange { token: token.clone(), id, change, size });
        self.update_watermark();
    }

    /// Adds a heartbeat: the token has delivered all its changes up to `at`.
    pub fn add_heartbeat(&mut self, token: &Token, at: Timestamp) {
        let end = self.end;
        let is_past_end = |at: Timestamp| end.is_some_and(|end| at > end);
        let Some(state) = self.delivering(token) else { return };
        // The token stops at the first heartbeat past the end, so a later one must not replace it.
        if !state.heartbeat.is_some_and(is_past_end) {
            state.position = state.position.max(Some((at, true)));
            state.heartbeat = state.heartbeat.max(Some(at));
            state.is_past_end |= is_past_end(at);
        }
        self.release_trailing_events(token);
        self.update_watermark();
    }

    /// Adds a token's children, which deliver its keys from their start on.
    pub fn add_children(&mut self, token: &Token, children: ChildTokens) {
        let Some(state) = self.delivering(token) else { return };
        state.children.push(children.clone());
        self.expect_tokens(children.children.iter().map(|(child, _)| child), children.start);
    }

    /// Records that the token's query has ended without an error.
    pub fn end_query(&mut self, token: &Token) {
        let Some(state) = self.delivering(token) else { return };
        if state.children.is_empty() {
            // The query dropped out and may have skipped any part of its changes.
            self.interrupt(token, TokenEvent::Ended);
        } else {
            state.position = None;
            self.release_trailing_events(token);
        }
        self.update_watermark();
    }

    /// Records that the token's query has failed.
    pub fn interrupt_query(&mut self, token: &Token) {
        self.interrupt(token, TokenEvent::Interrupted);
    }

    /// Takes the next event in commit order.
    pub fn take_next(&mut self) -> Option<(Token, TokenEvent<C>)> {
        if self.ready.is_empty() {
            self.release_first_transaction();
        }
        self.ready.pop_front()
    }

    /// Returns whether to read the token's query. When more than the limit waits, only the tokens that
    /// the others wait for are read.
    pub fn may_read(&self, token: &Token) -> bool {
        let is_slowest = || {
            let position = self.tokens.get(token).and_then(|state| state.position);
            position.is_some_and(|(at, _)| self.watermark.is_none_or(|(watermark, _)| at <= watermark))
        };
        self.size < self.limit || is_slowest()
    }

    /// Moves the first complete transaction, if there is one, to the ready events.
    fn release_first_transaction(&mut self) {
        let Some(commit) = self.first_complete() else { return };
        let Some(PendingTransaction { mut parts, .. }) = self.transactions.remove(&commit) else { return };
        parts.sort_by(|one, other| (&one.id, &one.token).cmp(&(&other.id, &other.token)));
        let mut remaining = parts.len();
        for PendingChange { token, change, size, .. } in parts {
            (remaining, self.size) = (remaining - 1, self.size - size);
            self.ready.push_back((token.clone(), TokenEvent::Change { change, continues: remaining > 0 }));
            if let Some(state) = self.tokens.get_mut(&token) {
                state.waiting -= 1;
            }
            self.release_trailing_events(&token);
        }
    }

    fn first_complete(&self) -> Option<CommitKey> {
        let (first, _) = self.transactions.first_key_value()?;
        let has_passed = |at: Timestamp| self.watermark.is_none_or(|watermark| (at, true) <= watermark);
        if has_passed(first.0) || !is_enforced(Guard::EveryTokenHasPassed) {
            return Some(first.clone());
        }
        // A finished parent may have changes at its children's start, which no child has passed yet. By
        // the watermark alone, parent and children would wait for each other.
        let is_reached = |at: Timestamp| self.watermark.is_none_or(|(watermark, _)| at <= watermark);
        let mut candidates =
            self.transactions.iter().take_while(|((at, _), _)| *at == first.0 && is_reached(*at));
        candidates
            .find(|(_, transaction)| transaction.parts.len() >= transaction.records)
            .map(|(commit, _)| commit.clone())
    }

    /// Releases the heartbeat, children and end of a token once no change of it waits.
    fn release_trailing_events(&mut self, token: &Token) {
        let Some(state) = self.tokens.get_mut(token).filter(|state| state.waiting == 0) else { return };
        let of_token = |event| (token.clone(), event);
        self.ready.extend(state.heartbeat.take().map(TokenEvent::Heartbeat).map(of_token));
        if state.position.is_none() {
            let children = std::mem::take(&mut state.children);
            self.ready.extend(
                children.into_iter().map(TokenEvent::Children).chain([TokenEvent::Ended]).map(of_token),
            );
            self.tokens.remove(token);
        }
    }

    /// The token, unless its query has to be restarted.
    fn delivering(&mut self, token: &Token) -> Option<&mut TokenDelivery> {
        self.tokens.get_mut(token).filter(|state| !state.is_interrupted)
    }

    /// Drops the token's events that are not released, and ignores all others until [`Self::start_query`].
    fn interrupt(&mut self, token: &Token, event: TokenEvent<C>) {
        let Some(state) = self.delivering(token) else { return };
        state.is_interrupted = true;
        self.forget(token);
        self.ready.push_back((token.clone(), event));
    }

    /// Interrupts the tokens whose queries are past the end: changes after it have been dropped.
    fn interrupt_tokens_past(&mut self, end: Timestamp) {
        let is_past = |(_, state): &(&Token, &TokenDelivery)| state.is_past_end;
        let past: Vec<Token> = self.tokens.iter().filter(is_past).map(|(token, _)| token.clone()).collect();
        for token in past {
            // Its heartbeat covers dropped changes.
            self.ready.retain(|(of, event)| *of != token || !matches!(event, TokenEvent::Heartbeat(_)));
            if let Some(state) = self.tokens.get_mut(&token) {
                state.position = state.position.min(Some((end, true)));
            }
            self.interrupt(&token, TokenEvent::Interrupted);
        }
    }

    /// Drops the token's events that are not released. Its next query delivers them again, so its
    /// position moves back to the first of them.
    fn forget(&mut self, token: &Token) {
        let Some(state) = self.tokens.get_mut(token) else { return };
        (state.waiting, state.heartbeat) = (0, None);
        state.children.clear();
        let (size, position) = (&mut self.size, &mut state.position);
        self.transactions.retain(|(at, _), transaction| {
            transaction.parts.retain(|part| {
                let stays = part.token != *token;
                if !stays {
                    *size -= part.size;
                    *position = (*position).min(Some((*at, false)));
                }
                stays
            });
            !transaction.parts.is_empty()
        });
        self.update_watermark();
    }

    fn update_watermark(&mut self) {
        self.watermark = self.tokens.values().filter_map(|state| state.position).min();
    }
}

#[cfg(test)]
mod tests;
