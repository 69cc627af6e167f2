//! The tokens of a shard, and the child tokens that wait for their parents.
//!
//! The rules are "Parents before child" and "Order per key"
//! (docs/design/publish-frontier-and-lineage.md).

use std::collections::BTreeMap;

use crate::guard::{Guard, is_enforced};
use crate::publish::frontier::Frontier;
use crate::publish::state::ParentFinished;
use crate::publish::token::Token;
use crate::value::Timestamp;

/// The tokens of a shard.
#[derive(Default)]
pub(super) struct Tokens {
    unfinished: BTreeMap<Token, TokenState>,
    /// The finished parents of each child, by child and parent. A root token has one entry without a
    /// parent.
    finished_parents: BTreeMap<Token, ParentRecords>,
}

type ParentRecords = BTreeMap<Option<Token>, ParentFinished>;

/// A token that is not finished.
pub(super) struct TokenState {
    /// The position up to which changes are queued. The committed frontier lags behind it.
    pub(super) frontier: Frontier,
    /// The children that the current query has delivered.
    pub(super) children: BTreeMap<Token, ParentFinished>,
    phase: TokenPhase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenPhase {
    /// The token is not queried: publishing ends before its next change, or has not begun.
    Stopped,
    Running,
    /// The query has ended, and the record of its finish is queued.
    Ended,
}

impl Tokens {
    /// Adds a token that is not queried yet.
    pub(super) fn add(&mut self, token: Token, frontier: Frontier) {
        let state = TokenState { frontier, phase: TokenPhase::Stopped, children: BTreeMap::new() };
        self.unfinished.insert(token, state);
    }

    /// Removes a token whose stored frontier is deleted.
    pub(super) fn remove(&mut self, token: &Token) {
        self.unfinished.remove(token);
    }

    /// Records that a parent of a child has finished.
    pub(super) fn add_finished_parent(
        &mut self,
        child: Token,
        parent: Option<Token>,
        record: ParentFinished,
    ) {
        self.finished_parents.entry(child).or_default().insert(parent, record);
    }

    /// Removes a deleted record of [`Self::add_finished_parent`].
    pub(super) fn remove_finished_parent(&mut self, child: &Token, parent: Option<&Token>) {
        if let Some(records) = self.finished_parents.get_mut(child) {
            records.remove(&parent.cloned());
            if records.is_empty() {
                self.finished_parents.remove(child);
            }
        }
    }

    /// Forgets a token whose deletion is being committed.
    pub(super) fn finish(&mut self, token: &Token) {
        self.unfinished.remove(token);
        self.finished_parents.remove(token);
    }

    /// Records that the token is queried.
    pub(super) fn start(&mut self, token: &Token) {
        self.set_phase(token, TokenPhase::Running);
    }

    /// Records that the token's query has stopped.
    pub(super) fn stop(&mut self, token: &Token) {
        self.set_phase(token, TokenPhase::Stopped);
    }

    /// Records that the token's query has ended with children.
    pub(super) fn end(&mut self, token: &Token) {
        self.set_phase(token, TokenPhase::Ended);
    }

    fn set_phase(&mut self, token: &Token, phase: TokenPhase) {
        if let Some(state) = self.unfinished.get_mut(token) {
            state.phase = phase;
        }
    }

    /// Returns the state of an unfinished token.
    pub(super) fn get(&self, token: &Token) -> Option<&TokenState> {
        self.unfinished.get(token)
    }

    /// Returns the state of a token that is being queried.
    pub(super) fn running(&mut self, token: &Token) -> Option<&mut TokenState> {
        self.unfinished.get_mut(token).filter(|state| state.phase == TokenPhase::Running)
    }

    /// Returns the unfinished tokens that are not queried.
    pub(super) fn stopped(&self) -> Vec<(Token, Frontier)> {
        let stopped = self.unfinished.iter().filter(|(_, state)| state.phase == TokenPhase::Stopped);
        stopped.map(|(token, state)| (token.clone(), state.frontier.clone())).collect()
    }

    /// The last timestamp up to which unfinished tokens may have emitted changes.
    pub(super) fn latest_frontier(&self) -> Option<Timestamp> {
        self.unfinished.values().map(|state| state.frontier.at()).max()
    }

    /// Returns the tokens of which at least one parent has finished.
    pub(super) fn announced(&self) -> Vec<Token> {
        self.finished_parents.keys().cloned().collect()
    }

    /// Returns the finished parents of a token.
    pub(super) fn finished_parents(&self, token: &Token) -> Vec<Option<Token>> {
        self.finished_parents.get(token).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Returns the start of a child whose parents have all finished and which has not started itself.
    pub(super) fn ready_start(&self, child: &Token) -> Option<Timestamp> {
        let records = self.finished_parents.get(child).filter(|_| !self.unfinished.contains_key(child))?;
        let has_finished = |parent: &Token| records.contains_key(&Some(parent.clone()));
        let is_ready = records.values().all(|record| record.parents.iter().all(has_finished));
        if !is_ready && is_enforced(Guard::ParentsBeforeChild) {
            return None;
        }
        // All parents name the same start. If they did not, the earliest one would lose nothing.
        records.values().map(|record| record.start).min()
    }

    /// The timestamp before which every change of these tokens is queued. A waiting child counts with
    /// its start.
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        let unfinished = self.unfinished.values().map(|state| state.frontier.at());
        let waiting = self.waiting().flat_map(|(_, records)| records.values().map(|record| record.start));
        unfinished.chain(waiting).min()
    }

    /// The number of unfinished tokens, and of tokens that wait for a parent.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.unfinished.len(), self.waiting().count())
    }

    fn waiting(&self) -> impl Iterator<Item = (&Token, &ParentRecords)> {
        self.finished_parents.iter().filter(|(child, _)| !self.unfinished.contains_key(*child))
    }
}
