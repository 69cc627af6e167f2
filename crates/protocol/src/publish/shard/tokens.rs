use std::collections::BTreeMap;

use crate::guard::{Guard, is_enforced};
use crate::publish::frontier::Frontier;
use crate::publish::state::ParentFinished;
use crate::publish::token::Token;
use crate::value::Timestamp;

/// The tokens of a shard, and what is known of those that wait for their parents.
#[derive(Default)]
pub(super) struct Tokens {
    unfinished: BTreeMap<Token, State>,
    notes: BTreeMap<Token, BTreeMap<Option<Token>, ParentFinished>>,
}

/// A token that is not finished.
pub(super) struct State {
    /// Up to where changes have been queued; what is committed lags behind.
    pub(super) frontier: Frontier,
    pub(super) children: BTreeMap<Token, ParentFinished>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not read, or not any more: behind where changes are published for now.
    Stopped,
    Running,
    /// Its query has ended, and its finish is on its way.
    Ended,
}

impl Tokens {
    pub(super) fn keep(&mut self, token: Token, frontier: Frontier) {
        let state = State { frontier, phase: Phase::Stopped, children: BTreeMap::new() };
        self.unfinished.insert(token, state);
    }

    pub(super) fn drop_token(&mut self, token: &Token) {
        self.unfinished.remove(token);
    }

    pub(super) fn note(&mut self, child: Token, parent: Option<Token>, note: ParentFinished) {
        self.notes.entry(child).or_default().insert(parent, note);
    }

    pub(super) fn drop_note(&mut self, child: &Token, parent: Option<&Token>) {
        if let Some(notes) = self.notes.get_mut(child) {
            notes.remove(&parent.cloned());
            if notes.is_empty() {
                self.notes.remove(child);
            }
        }
    }

    /// Its deletion is on its way.
    pub(super) fn finished(&mut self, token: &Token) {
        self.unfinished.remove(token);
        self.notes.remove(token);
    }

    pub(super) fn run(&mut self, token: &Token) {
        if let Some(state) = self.unfinished.get_mut(token) {
            state.phase = Phase::Running;
        }
    }

    pub(super) fn stop(&mut self, token: &Token) {
        if let Some(state) = self.unfinished.get_mut(token) {
            state.phase = Phase::Stopped;
        }
    }

    pub(super) fn end(&mut self, token: &Token) {
        if let Some(state) = self.unfinished.get_mut(token) {
            state.phase = Phase::Ended;
        }
    }

    pub(super) fn get(&self, token: &Token) -> Option<&State> {
        self.unfinished.get(token)
    }

    /// A token that is being read.
    pub(super) fn running(&mut self, token: &Token) -> Option<&mut State> {
        self.unfinished.get_mut(token).filter(|state| state.phase == Phase::Running)
    }

    /// Those that are not read, and are not finished.
    pub(super) fn stopped(&self) -> Vec<(Token, Frontier)> {
        let stopped = self.unfinished.iter().filter(|(_, state)| state.phase == Phase::Stopped);
        stopped.map(|(token, state)| (token.clone(), state.frontier.clone())).collect()
    }

    /// Nothing of them has been emitted behind that.
    pub(super) fn furthest(&self) -> Option<Timestamp> {
        self.unfinished.values().map(|state| state.frontier.at()).max()
    }

    /// Those with notes.
    pub(super) fn noted(&self) -> Vec<Token> {
        self.notes.keys().cloned().collect()
    }

    /// The parents that have left a note for it.
    pub(super) fn parents(&self, token: &Token) -> Vec<Option<Token>> {
        self.notes.get(token).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Where a child begins, when the notes of all its parents are there and it has not begun.
    pub(super) fn ready(&self, child: &Token) -> Option<Timestamp> {
        let notes = self.notes.get(child).filter(|_| !self.unfinished.contains_key(child))?;
        let noted = |parent: &Token| notes.contains_key(&Some(parent.clone()));
        let ready = notes.values().all(|note| note.parents.iter().all(noted));
        if !ready && is_enforced(Guard::ParentsBeforeChild) {
            return None;
        }
        // The parents agree on the start; were it not so, the earliest loses nothing.
        notes.values().map(|note| note.start).min()
    }

    pub(super) fn watermark(&self) -> Option<Timestamp> {
        let unfinished = self.unfinished.values().map(|state| state.frontier.at());
        let waiting = self.waiting().flat_map(|(_, notes)| notes.values().map(|note| note.start));
        unfinished.chain(waiting).min()
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        (self.unfinished.len(), self.waiting().count())
    }

    fn waiting(&self) -> impl Iterator<Item = (&Token, &BTreeMap<Option<Token>, ParentFinished>)> {
        self.notes.iter().filter(|(child, _)| !self.unfinished.contains_key(*child))
    }
}
