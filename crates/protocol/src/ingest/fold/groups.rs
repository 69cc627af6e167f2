//! The groups that a batch adds to.

use std::collections::BTreeMap;

use super::super::aggregate::{self, AggregateError, AggregateFunction, AggregateInput};
use super::super::change::{RowKey, Spec, Target, TargetKind};
use super::super::dead_letter::Failure;
use super::super::position::Partition;
use super::Known;
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// Groups' states, each with the partition of the record that was added last.
type States = BTreeMap<RowKey, (Partition, Vec<Value>)>;

#[derive(Default)]
pub(super) struct Groups(States);

/// One record's additions.
pub(super) struct Stage<'a> {
    groups: &'a Groups,
    partition: &'a Partition,
    staged: States,
}

impl Groups {
    pub(super) fn stage<'a>(&'a self, partition: &'a Partition) -> Stage<'a> {
        Stage { groups: self, partition, staged: States::new() }
    }

    pub(super) fn apply(&mut self, staged: States) {
        self.0.extend(staged);
    }

    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let of_target = self.0.iter().filter(|(key, _)| key.target == target);
        let rows: Vec<_> = of_target.map(|(key, (_, state))| [&key.key[..], &state[..]].concat()).collect();
        let Target { table, columns, .. } = &spec.targets[target];
        let (table, columns) = (table.clone(), columns.clone());
        (!rows.is_empty()).then_some(Mutation { write: Write::Upsert, table, columns, rows })
    }

    /// What the cache may keep: rows that only their partition's owner writes.
    pub(super) fn states(self, spec: &Spec) -> Vec<(Partition, RowKey, Vec<Value>)> {
        let own = self.0.into_iter().filter(|(key, _)| !spec.targets[key.target].locking);
        own.map(|(key, (partition, state))| (partition, key, state)).collect()
    }
}

impl Stage<'_> {
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        key: RowKey,
        at: Option<Timestamp>,
        inputs: &[AggregateInput],
        known: &Known,
    ) -> Result<(), Failure> {
        let target = &spec.targets[key.target];
        let functions = functions(target);
        let before = self.staged.get(&key).or_else(|| self.groups.0.get(&key)).map(|(_, state)| state);
        let mut state = match before.or_else(|| known.get(&key)) {
            Some(state) => state.clone(),
            None => aggregate::empty(functions),
        };
        assert_eq!(state.len(), target.columns.len() - target.key.len(), "a state has its columns");
        aggregate::add(functions, &mut state, inputs, at)
            .map_err(|(place, error)| failure(target, place, error))?;
        self.staged.insert(key, (self.partition.clone(), state));
        Ok(())
    }

    pub(super) fn finish(self) -> States {
        self.staged
    }
}

fn functions(target: &Target) -> &[AggregateFunction] {
    match &target.kind {
        TargetKind::Groups(groups) => &groups.functions,
        TargetKind::Rows(_) => &[],
    }
}

/// A function of the target fails, by its place.
pub(super) fn failure(target: &Target, place: usize, error: AggregateError) -> Failure {
    let functions = functions(target);
    // The functions' columns are the last ones.
    let width: usize = functions[place..].iter().map(|function| function.width()).sum();
    let column = &target.columns[target.columns.len() - width];
    Failure::new("SB-INGEST-AGGREGATE", format!("{}.{column}: {error}", target.table))
}
