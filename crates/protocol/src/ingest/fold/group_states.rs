//! The states of the groups that a batch adds to.

use std::collections::BTreeMap;

use super::super::aggregate::{self, AggregateInput};
use super::super::change::{RowKey, Spec, Target};
use super::super::failure::Failure;
use super::super::position::Partition;
use super::failures::{aggregate_failure, functions};
use super::stored_states::StoredStates;
use crate::mutation::{Mutation, Write};
use crate::value::{Timestamp, Value};

/// Group states, each with the partition of the last record that was added.
type States = BTreeMap<RowKey, (Partition, Vec<Value>)>;

/// The states of the groups that a batch has changed.
#[derive(Default)]
pub(super) struct GroupStates(States);

/// The group states that one record changes.
pub(super) struct StagedGroupStates<'a> {
    applied: &'a GroupStates,
    partition: &'a Partition,
    staged: States,
}

impl GroupStates {
    /// Begins the changes of one record.
    pub(super) fn stage<'a>(&'a self, partition: &'a Partition) -> StagedGroupStates<'a> {
        StagedGroupStates { applied: self, partition, staged: States::new() }
    }

    /// Applies the changes of one record.
    pub(super) fn apply(&mut self, staged: States) {
        self.0.extend(staged);
    }

    /// Returns the mutation that writes the groups of a target, if there are any.
    pub(super) fn writes(&self, spec: &Spec, target: usize) -> Option<Mutation> {
        let of_target = self.0.iter().filter(|(key, _)| key.target == target);
        let rows: Vec<_> = of_target.map(|(key, (_, state))| [&key.key[..], &state[..]].concat()).collect();
        let Target { table, columns, .. } = &spec.targets[target];
        let (table, columns) = (table.clone(), columns.clone());
        (!rows.is_empty()).then_some(Mutation { write: Write::Upsert, table, columns, rows })
    }

    /// Returns the states that may be cached: those of rows that only the owner of the partition writes.
    pub(super) fn cacheable(self, spec: &Spec) -> Vec<(Partition, RowKey, Vec<Value>)> {
        let owned = self.0.into_iter().filter(|(key, _)| !spec.targets[key.target].locking);
        owned.map(|(key, (partition, state))| (partition, key, state)).collect()
    }
}

impl StagedGroupStates<'_> {
    /// Adds the record to a group.
    ///
    /// # Errors
    /// If a function rejects its input.
    pub(super) fn add(
        &mut self,
        spec: &Spec,
        key: RowKey,
        at: Option<Timestamp>,
        inputs: &[AggregateInput],
        known: &StoredStates,
    ) -> Result<(), Failure> {
        let target = &spec.targets[key.target];
        let functions = functions(target);
        let before = self.staged.get(&key).or_else(|| self.applied.0.get(&key)).map(|(_, state)| state);
        let mut state = match before.or_else(|| known.get(&key)) {
            Some(state) => state.clone(),
            None => aggregate::empty(functions),
        };
        assert_eq!(state.len(), target.columns.len() - target.key.len(), "a state has all its columns");
        aggregate::add(functions, &mut state, inputs, at)
            .map_err(|(function, error)| aggregate_failure(target, function, error))?;
        self.staged.insert(key, (self.partition.clone(), state));
        Ok(())
    }

    /// Returns the changes, to be applied.
    pub(super) fn finish(self) -> States {
        self.staged
    }
}
