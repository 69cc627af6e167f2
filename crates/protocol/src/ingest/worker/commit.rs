//! The parts of a commit: the folded changes of a batch, and the moves of its positions.

use std::collections::BTreeMap;

use super::partitions::OwnedPartitions;
use crate::ingest::change::Spec;
use crate::ingest::dead_letter::Payload;
use crate::ingest::fold::{self, FoldResult, StoredStates};
use crate::ingest::position::{Offset, Partition, PositionMove};
use crate::ingest::record::PendingRecord;
use crate::value::Timestamp;

/// Folds a batch, with the stream times of the stored positions.
pub(super) fn fold_batch<P: Payload>(
    spec: &Spec,
    partitions: &OwnedPartitions,
    batch: &[PendingRecord<P>],
    known: &StoredStates,
) -> FoldResult {
    fold::fold(spec, batch, known, stored_stream_times(partitions, batch))
}

/// Returns the stream times of the stored positions of a batch's partitions.
pub(super) fn stored_stream_times<P>(
    partitions: &OwnedPartitions,
    batch: &[PendingRecord<P>],
) -> BTreeMap<Partition, Timestamp> {
    let stream_times = batch.iter().filter_map(|record| {
        Some((record.partition.clone(), partitions.position(&record.partition).event_time?))
    });
    stream_times.collect()
}

/// Returns the moves of the positions of a batch. A replay keeps the offset and increases the revision.
///
/// # Panics
/// If the batch is not in the order of its offsets.
pub(super) fn position_moves<P>(
    partitions: &OwnedPartitions,
    batch: &[PendingRecord<P>],
    stream_times: &BTreeMap<Partition, Timestamp>,
) -> Vec<PositionMove> {
    let mut last_offsets: BTreeMap<&Partition, Offset> = BTreeMap::new();
    for record in batch {
        let last = last_offsets.entry(&record.partition).or_insert(record.offset);
        assert!(record.offset >= *last, "{}: a batch is in the order of its offsets", record.partition);
        *last = record.offset;
    }
    let is_replay = batch.iter().any(|record| record.is_replay);
    let step = |(partition, last): (&Partition, Offset)| {
        let from = partitions.position(partition);
        let time = stream_times.get(partition).copied();
        let to = if is_replay { from.revise(time) } else { from.advance_to(last + 1, time) };
        PositionMove { partition: partition.clone(), from, to }
    };
    last_offsets.into_iter().map(step).collect()
}
