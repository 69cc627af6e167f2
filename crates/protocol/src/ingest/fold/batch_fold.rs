//! The loop that folds the records of a batch.

use std::collections::BTreeMap;

use super::super::change::{Change, LatePolicy, RowKey, Spec};
use super::super::dead_letter::{DeadLetterChanges, Payload};
use super::super::failure::Failure;
use super::super::position::{Offset, Partition};
use super::super::record::PendingRecord;
use super::aggregate_rows::aggregate_rows;
use super::commit_order::CommitOrder;
use super::failures::late_failure;
use super::group_states::GroupStates;
use super::group_windows::GroupWindows;
use super::rejection::Rejection;
use super::row_writes::RowWrites;
use super::skip_counts::SkipCounts;
use super::stored_states::StoredStates;
use crate::mutation::Mutation;
use crate::value::{Timestamp, Value};

/// The result of folding a batch.
pub(in crate::ingest) struct FoldResult {
    pub(in crate::ingest) mutations: Vec<Mutation>,
    /// The new group states, to be cached once they are committed.
    pub(in crate::ingest) states: Vec<(Partition, RowKey, Vec<Value>)>,
    /// The records that become dead letters, whether they failed before or by folding.
    pub(in crate::ingest) failures: Vec<(Partition, Offset, Failure)>,
    /// The number of records in the result. The next record needs a later commit.
    pub(in crate::ingest) taken: usize,
    /// The stream times behind these records.
    pub(in crate::ingest) stream_times: BTreeMap<Partition, Timestamp>,
    pub(in crate::ingest) skipped: SkipCounts,
}

/// Folds the records of a batch in their order. A record that fails changes no table.
///
/// `stream_times` holds the stream times before the batch.
///
/// # Panics
/// If `known` lacks a state that [`StoredStates::look_up`] names.
pub(in crate::ingest) fn fold<P: Payload>(
    spec: &Spec,
    batch: &[PendingRecord<P>],
    known: &StoredStates,
    stream_times: BTreeMap<Partition, Timestamp>,
) -> FoldResult {
    let mut fold = BatchFold {
        spec,
        rows: RowWrites::new(spec),
        groups: GroupStates::default(),
        windows: GroupWindows::default(),
        stream_times,
        skipped: SkipCounts::default(),
        order: CommitOrder::default(),
    };
    let (mut dead_letters, mut failures, mut taken) = (DeadLetterChanges::default(), Vec::new(), 0);
    for record in batch {
        let outcome = match &record.changes {
            Err(failure) => Err(Rejection::Failed(failure.clone())),
            Ok(changes) => fold.add(taken, &record.partition, changes, known),
        };
        match outcome {
            Ok(()) => dead_letters.add_applied(&spec.pipeline, record),
            Err(Rejection::NeedsNextCommit) => break,
            Err(Rejection::Failed(failure)) => {
                dead_letters.add_failed(&spec.pipeline, record, &failure);
                failures.push((record.partition.clone(), record.offset, failure));
            }
        }
        taken += 1;
    }
    let BatchFold { rows, groups, windows, stream_times, skipped, .. } = fold;
    // Deletes come first, so that a row that is deleted and written again keeps none of its old columns.
    let mut mutations = rows.deletes(spec);
    mutations.extend(windows.deletes(spec));
    for target in 0..spec.targets.len() {
        mutations.extend(rows.writes(spec, target));
        mutations.extend(groups.writes(spec, target));
        mutations.extend(windows.writes(spec, target));
    }
    mutations.extend(dead_letters.mutations());
    FoldResult { mutations, states: groups.cacheable(spec), failures, taken, stream_times, skipped }
}

struct BatchFold<'a> {
    spec: &'a Spec,
    rows: RowWrites,
    groups: GroupStates,
    windows: GroupWindows,
    stream_times: BTreeMap<Partition, Timestamp>,
    skipped: SkipCounts,
    order: CommitOrder,
}

impl BatchFold<'_> {
    /// Adds all changes of one record, or none.
    fn add(
        &mut self,
        order: usize,
        partition: &Partition,
        changes: &[Change],
        known: &StoredStates,
    ) -> Result<(), Rejection> {
        let mut rows = self.rows.stage(order);
        let mut groups = self.groups.stage(partition);
        let mut windows = self.windows.stage();
        let mut skipped = SkipCounts::default();
        let stream_time = self.stream_time(partition, changes);
        let mut applied = Vec::new();
        for change in changes {
            // The order matters also for a change that turns out to be superseded: a cascade may have deleted its row.
            self.order.check(self.spec, change)?;
            let is_applied = match change {
                Change::Row { target, row } => rows.write(self.spec, *target, row, known)?,
                Change::Delete { target, key, version } => {
                    rows.delete(self.spec, *target, key, version.as_ref(), known)?
                }
                Change::Group { target: index, key, at, inputs } => {
                    let target = &self.spec.targets[*index];
                    for row in aggregate_rows(target, *index, key, *at)? {
                        match row.late_policy(stream_time) {
                            None | Some(LatePolicy::Update) => {
                                groups.add(self.spec, row.key, *at, inputs, known)?;
                            }
                            Some(LatePolicy::Drop) => skipped.late += 1,
                            Some(LatePolicy::DeadLetter) => return Err(late_failure(target).into()),
                        }
                    }
                    let group = RowKey { target: *index, key: key.clone() };
                    skipped.late += windows.add(self.spec, group, *at, inputs, known, stream_time)?.late;
                    true
                }
            };
            skipped.superseded += usize::from(!is_applied);
            applied.extend((is_applied && self.spec.has_constraints()).then_some(change));
        }
        let (rows, groups, windows) = (rows.finish(), groups.finish(), windows.finish());
        self.rows.apply(rows);
        self.groups.apply(groups);
        self.windows.apply(windows);
        applied.into_iter().for_each(|change| self.order.add(self.spec, change));
        self.skipped.superseded += skipped.superseded;
        self.skipped.late += skipped.late;
        if let Some(time) = stream_time {
            self.stream_times.insert(partition.clone(), time);
        }
        Ok(())
    }

    /// Returns the stream time of the partition including this record: "Stream time in the position"
    /// (docs/design/ingest-aggregates-and-windows.md).
    fn stream_time(&self, partition: &Partition, changes: &[Change]) -> Option<Timestamp> {
        let windowed = changes.iter().filter_map(|change| match change {
            Change::Group { target, at, .. } if self.spec.targets[*target].window().is_some() => *at,
            _ => None,
        });
        windowed.chain(self.stream_times.get(partition).copied()).max()
    }
}
