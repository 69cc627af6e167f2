//! The events of a run: counted by kind, and on request as a readable history.
//!
//! Each thread runs one simulation at a time, so that the tally of a thread is that of its run.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// The longest history that is kept. Older events are dropped.
const MAX_HISTORY: usize = 5000;

/// The events of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// The number of events of each kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// The last events in order, if they were asked for.
    pub history: VecDeque<String>,
    has_history: bool,
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Forgets the events of the thread.
pub(super) fn reset(has_history: bool) {
    TALLY.replace(Tally { has_history, ..Tally::default() });
}

/// Returns the events since the last call of [`reset`].
pub(super) fn take() -> Tally {
    TALLY.take()
}

/// Counts an event. `detail` completes it in the history.
pub(super) fn note<D: std::fmt::Display>(kind: &'static str, detail: impl FnOnce() -> D) {
    TALLY.with_borrow_mut(|tally| {
        *tally.counts.entry(kind).or_default() += 1;
        if tally.has_history {
            if tally.history.len() >= MAX_HISTORY {
                tally.history.pop_front();
            }
            tally.history.push_back(format!("{kind}: {}", detail()));
        }
    });
}
