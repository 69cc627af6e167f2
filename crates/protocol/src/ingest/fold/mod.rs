//! Folding: a thousand records of ten groups become ten row writes.

mod cell;
mod groups;
mod known;
mod ranges;
mod rows;

use std::collections::BTreeMap;

use super::batch::Entry;
use super::change::{Change, LatePolicy, RowKey, Spec};
use super::dead_letter::{DeadLetters, Failure, Payload};
use super::position::{Offset, Partition};
use crate::mutation::Mutation;
use crate::value::{Timestamp, Value};

pub(super) use known::{Known, Missing};

use groups::Groups;
use ranges::Ranges;
use rows::Rows;

/// A batch's writes.
pub(super) struct Folded {
    pub(super) mutations: Vec<Mutation>,
    /// The groups' new states, for the cache once they are committed.
    pub(super) states: Vec<(Partition, RowKey, Vec<Value>)>,
    /// Failures among the entries, found before or by folding.
    pub(super) failures: Vec<(Partition, Offset, Failure)>,
    /// How many entries this is; the next one needs a commit of its own after them.
    pub(super) taken: usize,
    /// The streams' times behind them.
    pub(super) event_times: BTreeMap<Partition, Timestamp>,
    pub(super) skipped: SkipCounts,
}

/// What was left out, by the mapping's own rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkipCounts {
    /// Rows of an older version than the one that is there.
    pub superseded: usize,
    /// Additions to windows that the stream's time has passed, under `late = "drop"`.
    pub late: usize,
}

/// Why an entry changes nothing in this batch.
enum Refusal {
    /// The record is at fault.
    Record(Failure),
    /// It cannot share a commit with what is in front of it.
    Apart,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Record(failure)
    }
}

/// Folds entries in their order. A record that fails changes nothing, in no table.
///
/// `event_times` are the streams' times in front of the entries.
///
/// # Panics
/// If a state is not in `known` that [`Known::missing`] names.
pub(super) fn fold<P: Payload>(
    spec: &Spec,
    entries: &[Entry<P>],
    known: &Known,
    event_times: BTreeMap<Partition, Timestamp>,
) -> Folded {
    let mut fold = Fold {
        spec,
        rows: Rows::new(spec),
        groups: Groups::default(),
        ranges: Ranges::default(),
        event_times,
        skipped: SkipCounts::default(),
    };
    let (mut letters, mut failures, mut taken) = (DeadLetters::default(), Vec::new(), 0);
    for entry in entries {
        let outcome = match &entry.changes {
            Err(failure) => Err(Refusal::Record(failure.clone())),
            Ok(changes) => fold.record(taken, &entry.partition, changes, known),
        };
        match outcome {
            Ok(()) => letters.applied(&spec.pipeline, entry),
            Err(Refusal::Apart) => break,
            Err(Refusal::Record(failure)) => {
                letters.failed(&spec.pipeline, entry, &failure);
                failures.push((entry.partition.clone(), entry.offset, failure));
            }
        }
        taken += 1;
    }
    let Fold { rows, groups, ranges, event_times, skipped, .. } = fold;
    // Deletes first: a row that is deleted and written again does not keep columns of its former self.
    let mut mutations = rows.deletes(spec);
    mutations.extend(ranges.deletes(spec));
    for target in 0..spec.targets.len() {
        mutations.extend(rows.writes(spec, target));
        mutations.extend(groups.writes(spec, target));
        mutations.extend(ranges.writes(spec, target));
    }
    mutations.extend(letters.mutations());
    Folded { mutations, states: groups.states(spec), failures, taken, event_times, skipped }
}

struct Fold<'a> {
    spec: &'a Spec,
    rows: Rows,
    groups: Groups,
    ranges: Ranges,
    event_times: BTreeMap<Partition, Timestamp>,
    skipped: SkipCounts,
}

impl Fold<'_> {
    /// All changes of one record, or none.
    fn record(
        &mut self,
        order: usize,
        partition: &Partition,
        changes: &[Change],
        known: &Known,
    ) -> Result<(), Refusal> {
        let mut rows = self.rows.stage(order);
        let mut groups = self.groups.stage(partition);
        let mut ranges = self.ranges.stage();
        let mut skipped = SkipCounts::default();
        let time = self.time(partition, changes);
        for change in changes {
            match change {
                Change::Row { target, row } => {
                    let written = rows.write(self.spec, *target, row, known)?;
                    skipped.superseded += usize::from(!written);
                }
                Change::Delete { target, key, version } => {
                    let deleted = rows.delete(self.spec, *target, key, version.as_ref(), known)?;
                    skipped.superseded += usize::from(!deleted);
                }
                Change::Group { target, key, at, inputs } => {
                    let to = &self.spec.targets[*target];
                    for cell in cell::cells(to, *target, key, *at)? {
                        match cell.lateness(time) {
                            None | Some(LatePolicy::Update) => {
                                groups.add(self.spec, cell.key, *at, inputs, known)?;
                            }
                            Some(LatePolicy::Drop) => skipped.late += 1,
                            Some(LatePolicy::DeadLetter) => return Err(cell::closed(to).into()),
                        }
                    }
                    let group = RowKey { target: *target, key: key.clone() };
                    skipped.late += ranges.add(self.spec, group, *at, inputs, known, time)?.late;
                }
            }
        }
        let (rows, groups, ranges) = (rows.finish(), groups.finish(), ranges.finish());
        self.rows.apply(rows);
        self.groups.apply(groups);
        self.ranges.apply(ranges);
        self.skipped.superseded += skipped.superseded;
        self.skipped.late += skipped.late;
        if let Some(time) = time {
            self.event_times.insert(partition.clone(), time);
        }
        Ok(())
    }

    /// The stream's time with this record.
    fn time(&self, partition: &Partition, changes: &[Change]) -> Option<Timestamp> {
        let windowed = changes.iter().filter_map(|change| match change {
            Change::Group { target, at, .. } if self.spec.targets[*target].window().is_some() => *at,
            _ => None,
        });
        windowed.chain(self.event_times.get(partition).copied()).max()
    }
}
