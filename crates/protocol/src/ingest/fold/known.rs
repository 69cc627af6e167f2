//! What must be known of stored rows before a batch is folded.

use std::collections::{BTreeMap, BTreeSet};

use super::super::batch::Entry;
use super::super::cache::Cache;
use super::super::change::{Change, KeyRange, RowKey, Spec, WindowKind};
use super::super::window::{LAST, session_range, slide_range};
use super::cell::cells;
use crate::value::{Timestamp, Value};

/// The states of rows: nothing for a row that does not exist.
#[derive(Default)]
pub(in crate::ingest) struct Known {
    rows: BTreeMap<RowKey, Option<Vec<Value>>>,
    /// All rows of the ranges that were asked for.
    ranges: BTreeMap<RowKey, Vec<Value>>,
}

/// What must be read.
#[derive(Default)]
pub(in crate::ingest) struct Missing {
    pub(in crate::ingest) keys: BTreeSet<RowKey>,
    pub(in crate::ingest) ranges: Vec<KeyRange>,
}

impl Missing {
    pub(in crate::ingest) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }

    pub(in crate::ingest) fn targets(&self) -> impl Iterator<Item = usize> {
        let keys = self.keys.iter().map(|key| key.target);
        keys.chain(self.ranges.iter().map(|range| range.target))
    }
}

/// The first and the last event time of a batch's records of one group.
type Spans = BTreeMap<RowKey, (Timestamp, Timestamp)>;

impl Known {
    /// What the cache knows of these entries' rows, and what must be read: the rows of a locking target, and
    /// ranges, are never taken from the cache.
    pub(in crate::ingest) fn of<P>(spec: &Spec, entries: &[Entry<P>], cache: &mut Cache) -> (Self, Missing) {
        let (mut known, mut missing, mut spans) = (Self::default(), Missing::default(), Spans::new());
        for change in entries.iter().flat_map(|entry| entry.changes.iter().flatten()) {
            if let Some((group, at)) = spanned(spec, change) {
                let span = spans.entry(group).or_insert((at, at));
                *span = (span.0.min(at), span.1.max(at));
                continue;
            }
            for key in keys(spec, change) {
                if known.rows.contains_key(&key) || missing.keys.contains(&key) {
                    continue;
                }
                let own = !spec.targets[key.target].locking;
                match cache.get(&key).filter(|_| own).cloned() {
                    Some(state) => drop(known.rows.insert(key, Some(state))),
                    None => drop(missing.keys.insert(key)),
                }
            }
        }
        missing.ranges = spans.into_iter().filter_map(|(group, span)| range(spec, group, span)).collect();
        (known, missing)
    }

    /// Adds what was read of what was asked for.
    pub(in crate::ingest) fn learn(&mut self, asked: Missing, found: Vec<(RowKey, Vec<Value>)>) {
        let mut found: BTreeMap<RowKey, Vec<Value>> = found.into_iter().collect();
        for key in asked.keys {
            let state = found.remove(&key);
            self.rows.insert(key, state);
        }
        self.ranges = found;
    }

    /// # Panics
    /// If nobody has asked for that row.
    pub(super) fn get(&self, key: &RowKey) -> Option<&Vec<Value>> {
        self.rows.get(key).expect("every row's state is known before folding").as_ref()
    }

    /// The rows of a group's range: the bound behind the group's key, and the state.
    pub(super) fn range(&self, group: &RowKey) -> impl Iterator<Item = (Timestamp, &Vec<Value>)> {
        let of_group = |key: &RowKey| key.target == group.target && key.key.starts_with(&group.key);
        let rows = self.ranges.range(group.clone()..).take_while(move |(key, _)| of_group(key));
        rows.filter_map(|(key, state)| match key.key.last() {
            Some(Value::Timestamp(bound)) => Some((*bound, state)),
            _ => None,
        })
    }
}

/// A change of windows that are read as a range: its group and its time.
fn spanned(spec: &Spec, change: &Change) -> Option<(RowKey, Timestamp)> {
    let Change::Group { target, key, at, .. } = change else { return None };
    match spec.targets[*target].window()?.kind {
        WindowKind::Sliding(_) | WindowKind::Session(_) => {
            Some((RowKey { target: *target, key: key.clone() }, (*at)?))
        }
        WindowKind::Tumbling(_) | WindowKind::Hopping(_) => None,
    }
}

fn range(spec: &Spec, group: RowKey, (first, last): (Timestamp, Timestamp)) -> Option<KeyRange> {
    let (from, to) = match spec.targets[group.target].window()?.kind {
        WindowKind::Sliding(size) => slide_range(size, first, last).into_inner(),
        WindowKind::Session(gap) => (session_range(gap, first, last).earliest_end, LAST),
        WindowKind::Tumbling(_) | WindowKind::Hopping(_) => return None,
    };
    Some(KeyRange { target: group.target, prefix: group.key, from, to })
}

/// The rows whose state a change depends on.
fn keys(spec: &Spec, change: &Change) -> Vec<RowKey> {
    let row = |target: usize, key: Vec<Value>| match spec.targets[target].state() {
        Some(_) => vec![RowKey { target, key }],
        None => Vec::new(),
    };
    match change {
        Change::Row { target, row: values } => {
            row(*target, spec.targets[*target].key.iter().map(|&at| values[at].clone()).collect())
        }
        Change::Delete { target, key, .. } => row(*target, key.clone()),
        // One that has no cells fails when it is folded.
        Change::Group { target, key, at, .. } => cells(&spec.targets[*target], *target, key, *at)
            .unwrap_or_default()
            .into_iter()
            .map(|cell| cell.key)
            .collect(),
    }
}
