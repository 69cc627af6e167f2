//! The parts of a commit: the folded changes of a batch, and the moves of its positions.

use std::collections::BTreeMap;

use super::partitions::OwnedPartitions;
use crate::ingest::change::Spec;
use crate::ingest::dead_letter::Payload;
use crate::ingest::fingerprint::Fingerprint;
use crate::ingest::fold::{self, FoldResult, StoredStates};
use crate::ingest::position::{Partition, PositionMove};
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
pub(super) fn position_moves<P: Payload>(
    partitions: &OwnedPartitions,
    batch: &[PendingRecord<P>],
    stream_times: &BTreeMap<Partition, Timestamp>,
) -> Vec<PositionMove> {
    let mut ends: BTreeMap<&Partition, (&PendingRecord<P>, &PendingRecord<P>)> = BTreeMap::new();
    for record in batch {
        let (_, last) = ends.entry(&record.partition).or_insert((record, record));
        assert!(record.offset >= last.offset, "{}: a batch is in the order of its offsets", record.partition);
        *last = record;
    }
    let is_replay = batch.iter().any(|record| record.is_replay);
    let step = |(partition, (first, last)): (&Partition, (&PendingRecord<P>, &PendingRecord<P>))| {
        let from = partitions.position(partition);
        let time = stream_times.get(partition).copied();
        if is_replay {
            let to = from.revise(time);
            return PositionMove { partition: partition.clone(), from, to, first_record: None };
        }
        let to = from.advance_to(last.offset + 1, time, Some(fingerprint(last)));
        let first_record = partitions.awaits_first_record(partition).then(|| fingerprint(first));
        PositionMove { partition: partition.clone(), from, to, first_record }
    };
    ends.into_iter().map(step).collect()
}

fn fingerprint<P: Payload>(record: &PendingRecord<P>) -> Fingerprint {
    Fingerprint { offset: record.offset, digest: record.payload.digest() }
}
