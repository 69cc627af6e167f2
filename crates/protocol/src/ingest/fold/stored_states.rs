//! The stored states that a batch depends on.

use std::collections::{BTreeMap, BTreeSet};

use super::super::change::{Change, KeyRange, RowKey, Spec};
use super::super::position::Partition;
use super::super::record::PendingRecord;
use super::super::state_cache::StateCache;
use super::aggregate_rows::aggregate_rows;
use super::needed_windows::NeededWindows;
use crate::value::{Timestamp, Value};

/// The known states of stored rows.
#[derive(Debug, Default)]
pub(in crate::ingest) struct StoredStates {
    /// The states of single rows; `None` for a row that does not exist.
    rows: BTreeMap<RowKey, Option<Vec<Value>>>,
    /// All rows of the ranges that were read.
    ranges: BTreeMap<RowKey, Vec<Value>>,
}

/// The states that are to be read.
#[derive(Debug, Default)]
pub(in crate::ingest) struct MissingStates {
    pub(in crate::ingest) keys: BTreeSet<RowKey>,
    pub(in crate::ingest) ranges: Vec<KeyRange>,
}

impl MissingStates {
    /// Returns whether nothing is to be read.
    pub(in crate::ingest) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }

    /// Returns the target of each row and range.
    pub(in crate::ingest) fn targets(&self) -> impl Iterator<Item = usize> {
        let keys = self.keys.iter().map(|key| key.target);
        keys.chain(self.ranges.iter().map(|range| range.target))
    }
}

impl StoredStates {
    /// Looks up the states that the changes of a batch depend on. Returns what the cache contains, and
    /// what is to be read. Rows of locking targets and ranges are never taken from the cache.
    ///
    /// `stream_times` holds the stream times before the batch.
    pub(in crate::ingest) fn look_up<P>(
        spec: &Spec,
        batch: &[PendingRecord<P>],
        cache: &mut StateCache,
        stream_times: &BTreeMap<Partition, Timestamp>,
    ) -> (Self, MissingStates) {
        let (mut known, mut missing, mut windows) =
            (Self::default(), MissingStates::default(), NeededWindows::default());
        let changes = batch
            .iter()
            .flat_map(|record| record.changes.iter().flatten().map(|change| (&record.partition, change)));
        for (partition, change) in changes {
            if let Change::Group { target, key, at, .. } = change
                && spec.targets[*target].has_ranged_windows()
            {
                if let Some(at) = at {
                    let group = RowKey { target: *target, key: key.clone() };
                    windows.add(spec, group, *at, stream_times.get(partition).copied());
                }
                continue;
            }
            for key in row_keys(spec, change) {
                if known.rows.contains_key(&key) || missing.keys.contains(&key) {
                    continue;
                }
                let is_owned = !spec.targets[key.target].locking;
                match cache.get(&key).filter(|_| is_owned).cloned() {
                    Some(state) => drop(known.rows.insert(key, Some(state))),
                    None => drop(missing.keys.insert(key)),
                }
            }
        }
        missing.ranges = windows.ranges(spec);
        (known, missing)
    }

    /// Adds what was read of the missing states. Rows that were not found do not exist.
    pub(in crate::ingest) fn add_read(&mut self, missing: MissingStates, found: Vec<(RowKey, Vec<Value>)>) {
        let mut found: BTreeMap<RowKey, Vec<Value>> = found.into_iter().collect();
        for key in missing.keys {
            let state = found.remove(&key);
            self.rows.insert(key, state);
        }
        self.ranges = found;
    }

    /// Returns the state of a row, if the row exists.
    ///
    /// # Panics
    /// If the state of the row is not known.
    pub(super) fn get(&self, key: &RowKey) -> Option<&Vec<Value>> {
        self.rows.get(key).expect("every row's state is known before folding").as_ref()
    }

    /// Returns the rows of a group's range: the bound behind the group's key, and the columns.
    pub(super) fn range(&self, group: &RowKey) -> impl Iterator<Item = (Timestamp, &Vec<Value>)> {
        let is_of_group = |key: &RowKey| key.target == group.target && key.key.starts_with(&group.key);
        let rows = self.ranges.range(group.clone()..).take_while(move |(key, _)| is_of_group(key));
        rows.filter_map(|(key, columns)| match key.key.last() {
            Some(Value::Timestamp(bound)) => Some((*bound, columns)),
            _ => None,
        })
    }
}

/// Returns the rows on whose state a change depends.
fn row_keys(spec: &Spec, change: &Change) -> Vec<RowKey> {
    let stateful = |target: usize, key: Vec<Value>| match spec.targets[target].state() {
        Some(_) => vec![RowKey { target, key }],
        None => Vec::new(),
    };
    match change {
        Change::Row { target, row } => {
            stateful(*target, spec.targets[*target].key.iter().map(|&at| row[at].clone()).collect())
        }
        Change::Delete { target, key, .. } => stateful(*target, key.clone()),
        // A change whose rows cannot be determined fails when it is folded.
        Change::Group { target, key, at, .. } => aggregate_rows(&spec.targets[*target], *target, key, *at)
            .unwrap_or_default()
            .into_iter()
            .map(|row| row.key)
            .collect(),
    }
}
