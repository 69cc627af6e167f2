//! What must be known of stored rows before a batch is folded.

use std::collections::{BTreeMap, BTreeSet};

use super::super::batch::Entry;
use super::super::cache::Cache;
use super::super::change::{Change, Late, RowKey, Spec, Target, Window, WindowKind};
use super::super::letter::Failure;
use super::super::window;
use crate::value::{Timestamp, Value};

/// The states of rows: nothing for a row that does not exist.
#[derive(Default)]
pub(in crate::ingest) struct Known(BTreeMap<RowKey, Option<Vec<Value>>>);

impl Known {
    /// What the cache knows of these entries' rows, and the keys of what must be read: none of a
    /// locking target is ever taken from the cache.
    pub(in crate::ingest) fn of<P>(
        spec: &Spec,
        entries: &[Entry<P>],
        cache: &mut Cache,
    ) -> (Self, BTreeSet<RowKey>) {
        let (mut known, mut missing) = (Self::default(), BTreeSet::new());
        for change in entries.iter().flat_map(|entry| entry.changes.iter().flatten()) {
            for key in keys(spec, change) {
                if known.0.contains_key(&key) || missing.contains(&key) {
                    continue;
                }
                let own = !spec.targets[key.target].locking;
                match cache.get(&key).filter(|_| own).cloned() {
                    Some(state) => drop(known.0.insert(key, Some(state))),
                    None => drop(missing.insert(key)),
                }
            }
        }
        (known, missing)
    }

    /// Adds what was read of the keys that were asked for.
    pub(in crate::ingest) fn learn(&mut self, asked: BTreeSet<RowKey>, found: Vec<(RowKey, Vec<Value>)>) {
        let mut found: BTreeMap<RowKey, Vec<Value>> = found.into_iter().collect();
        for key in asked {
            let state = found.remove(&key);
            self.0.insert(key, state);
        }
    }

    /// # Panics
    /// If nobody has asked for that row.
    pub(super) fn get(&self, key: &RowKey) -> Option<&Vec<Value>> {
        self.0.get(key).expect("every row's state is known before folding").as_ref()
    }
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

/// One row of an aggregate table that a record adds to.
pub(super) struct Cell {
    pub(super) key: RowKey,
    window: Option<(Window, Timestamp)>,
}

impl Cell {
    /// What is to be done with a late record at that time of its stream; nothing when it is not late.
    pub(super) fn lateness(&self, time: Option<Timestamp>) -> Option<Late> {
        let (window, end) = self.window?;
        window::is_late(end, window.grace, time).then_some(window.late)
    }
}

/// The group's row, or that of each window that holds the event time.
pub(super) fn cells(
    target: &Target,
    number: usize,
    group: &[Value],
    at: Option<Timestamp>,
) -> Result<Vec<Cell>, Failure> {
    let Some(window) = target.window() else {
        return Ok(vec![Cell { key: RowKey { target: number, key: group.to_vec() }, window: None }]);
    };
    let failure = |why: String| Failure::new("SB-INGEST-WINDOW", format!("{}: {why}", target.table));
    let at = at.ok_or_else(|| failure("the record has no event time".to_owned()))?;
    let (size, starts) = match window.kind {
        WindowKind::Tumbling { size } => (size, window::tumbling(at, size).map(|start| vec![start])),
        WindowKind::Hopping { size, advance } => (size, window::hopping(at, size, advance)),
    };
    let starts = starts.map_err(|error| failure(error.to_string()))?;
    let cell = |start: Timestamp| {
        let mut key = group.to_vec();
        key.insert(window.at, Value::Timestamp(start));
        // Behind the last year there is no stream's time that could pass it.
        let end = start.checked_add_signed(chrono::TimeDelta::from_std(size).unwrap_or(chrono::TimeDelta::MAX));
        Cell {
            key: RowKey { target: number, key },
            window: Some((window, end.unwrap_or(Timestamp::MAX_UTC))),
        }
    };
    Ok(starts.into_iter().map(cell).collect())
}
