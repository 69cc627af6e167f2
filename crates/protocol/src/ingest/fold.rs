//! Folding: a thousand records of ten groups become ten row writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::aggregate::{self, Input};
use super::batch::Entry;
use super::cache::Cache;
use super::change::{Change, GroupKey, Spec, Target, TargetKind};
use super::letter::{self, Failure, Payload};
use super::position::{Offset, Partition};
use crate::mutation::{Mutation, Write};
use crate::value::Value;

/// A batch's writes.
pub(super) struct Folded {
    pub(super) mutations: Vec<Mutation>,
    /// The groups' new states, for the cache once they are committed.
    pub(super) states: Vec<(Partition, GroupKey, Vec<Value>)>,
    /// Failures among the entries, found before or by folding.
    pub(super) failures: Vec<(Partition, Offset, Failure)>,
}

/// The groups of these entries that the cache does not hold.
pub(super) fn missing<P>(entries: &[Entry<P>], cache: &Cache) -> BTreeSet<(Partition, GroupKey)> {
    let mut missing = BTreeSet::new();
    for entry in entries {
        for change in entry.changes.iter().flatten() {
            if let Change::Group { target, key, .. } = change {
                let key = GroupKey { target: *target, key: key.clone() };
                if cache.get(&entry.partition, &key).is_none() {
                    missing.insert((entry.partition.clone(), key));
                }
            }
        }
    }
    missing
}

/// Folds entries in their order. A record that fails changes nothing, in no table.
///
/// # Panics
/// If a group is in neither `cache` nor `read`: [`missing`] names what to read.
pub(super) fn fold<P: Payload>(
    spec: &Spec,
    entries: &[Entry<P>],
    cache: &Cache,
    read: &BTreeMap<(Partition, GroupKey), Vec<Value>>,
) -> Folded {
    let mut rows: Vec<RowsByKey> = spec.targets.iter().map(|_| RowsByKey::new()).collect();
    let mut groups: BTreeMap<(Partition, GroupKey), Vec<Value>> = BTreeMap::new();
    let mut letters = Vec::new();
    let mut failures = Vec::new();
    for (order, entry) in entries.iter().enumerate() {
        let mut staged = Vec::new();
        let outcome = match &entry.changes {
            Err(failure) => Err(failure.clone()),
            Ok(changes) => changes.iter().try_for_each(|change| match change {
                Change::Row { target, row } => {
                    staged.push(Staged::Row(*target, row));
                    Ok(())
                }
                Change::Group { target, key, inputs } => {
                    let key = GroupKey { target: *target, key: key.clone() };
                    let at = (entry.partition.clone(), key);
                    // One record may add to the same group twice, through two tables of one name.
                    let before = staged
                        .iter()
                        .rev()
                        .find_map(|staged| match staged {
                            Staged::Group(key, state) if *key == at => Some(state),
                            _ => None,
                        })
                        .or_else(|| groups.get(&at))
                        .or_else(|| cache.get(&at.0, &at.1))
                        .or_else(|| read.get(&at));
                    let before = before.expect("every group's state is known before folding");
                    let after = add(&spec.targets[*target], before, inputs)?;
                    staged.push(Staged::Group(at, after));
                    Ok(())
                }
            }),
        };
        match outcome {
            Ok(()) => {
                for staged in staged {
                    match staged {
                        Staged::Row(target, row) => {
                            let key = spec.targets[target].key.iter().map(|&at| row[at].clone()).collect();
                            rows[target].insert(key, (order, row.clone()));
                        }
                        Staged::Group(key, state) => {
                            groups.insert(key, state);
                        }
                    }
                }
            }
            Err(failure) => {
                letters.push(letter::row(
                    &spec.pipeline,
                    &entry.partition,
                    entry.offset,
                    &failure,
                    &entry.payload,
                ));
                failures.push((entry.partition.clone(), entry.offset, failure));
            }
        }
    }
    Folded { mutations: mutations(spec, rows, &groups, letters), states: states(groups), failures }
}

/// Rows by primary key, with the place of the record that set them.
type RowsByKey = HashMap<Vec<Value>, (usize, Vec<Value>)>;

enum Staged<'a> {
    Row(usize, &'a Vec<Value>),
    Group((Partition, GroupKey), Vec<Value>),
}

/// The state of a group that is not in Spanner yet.
pub(super) fn empty(target: &Target) -> Vec<Value> {
    match &target.kind {
        TargetKind::Groups(functions) => aggregate::empty(functions),
        TargetKind::Rows => Vec::new(),
    }
}

fn add(target: &Target, before: &[Value], inputs: &[Input]) -> Result<Vec<Value>, Failure> {
    let mut state = before.to_vec();
    let TargetKind::Groups(functions) = &target.kind else { return Ok(state) };
    aggregate::add(functions, &mut state, inputs, None).map_err(|(place, error)| {
        let width = |functions: &[super::Function]| functions.iter().map(|it| it.width()).sum::<usize>();
        let column = &target.columns[target.columns.len() - width(&functions[place..])];
        Failure::new("SB-INGEST-AGGREGATE", format!("{}.{column}: {error}", target.table))
    })?;
    Ok(state)
}

/// In the order of the tables, so that an interleaved child's row follows its parent's when the
/// file names the parent first.
fn mutations(
    spec: &Spec,
    rows: Vec<RowsByKey>,
    groups: &BTreeMap<(Partition, GroupKey), Vec<Value>>,
    letters: Vec<Vec<Value>>,
) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    for ((at, target), rows) in spec.targets.iter().enumerate().zip(rows) {
        let rows = match target.kind {
            TargetKind::Rows => {
                let mut rows: Vec<_> = rows.into_values().collect();
                rows.sort_unstable_by_key(|(order, _)| *order);
                rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
            }
            TargetKind::Groups(_) => {
                let of_target = groups.iter().filter(|((_, group), _)| group.target == at);
                of_target.map(|((_, group), state)| [group.key.clone(), state.clone()].concat()).collect()
            }
        };
        if !rows.is_empty() {
            mutations.push(Mutation {
                write: Write::Upsert,
                table: target.table.clone(),
                columns: target.columns.clone(),
                rows,
            });
        }
    }
    if !letters.is_empty() {
        mutations.push(letter::mutation(letters));
    }
    mutations
}

fn states(groups: BTreeMap<(Partition, GroupKey), Vec<Value>>) -> Vec<(Partition, GroupKey, Vec<Value>)> {
    groups.into_iter().map(|((partition, key), state)| (partition, key, state)).collect()
}
