//! The steps from the stored position of a partition to its first fetch.
//!
//! The worker registers a partition without a row, compares the log with the fingerprints of the position,
//! and moves the position over a gap. Each commit of these is followed by another reading of the position.
//! The rules are "Registration", "Identity of a log" and "Gap in the log" (docs/design/ingest-positions.md).

use super::Worker;
use super::log_comparison::LogComparison;
use crate::guard::{Guard, is_enforced};
use crate::ingest::dead_letter::Payload;
use crate::ingest::effect::WorkerEffect;
use crate::ingest::fingerprint::Digest;
use crate::ingest::position::{self, Gap, GapKind, LogRange, Offset, Partition, Position, PositionMove};
use crate::ingest::registration::{self, Registration, StoredPartition};
use crate::ingest::settings::OnGap;
use crate::ingest::stop::{LogMismatch, LogMismatchKind, PartitionStop, StopReason};
use crate::mutation::Mutation;

impl<P: Payload> Worker<P> {
    /// Applies the stored rows of a partition, and the offsets that the log contained after they were read.
    pub fn apply_position(
        &mut self,
        partition: &Partition,
        generation: u64,
        stored: StoredPartition,
        log: LogRange,
    ) {
        if !self.partitions.is_current(partition, generation) {
            return;
        }
        match stored {
            StoredPartition::Unregistered => {
                let mutations = registration::register_partition(&self.spec.pipeline, partition, log.start);
                self.commit_position(partition, generation, mutations, None);
            }
            StoredPartition::WithoutPosition => {
                self.stop_before_fetch(partition, None, log.start, StopReason::PositionMissing);
            }
            StoredPartition::Registered { position, registration } => {
                let comparison = LogComparison::new(position, registration, log);
                self.compare_log(partition, generation, comparison);
            }
        }
    }

    /// Applies the digest of the record at an offset. It is absent if the log does not hold the record: it was
    /// deleted, or it is a control record or an aborted record.
    pub fn apply_digest(
        &mut self,
        partition: &Partition,
        generation: u64,
        offset: Offset,
        found: Option<Digest>,
    ) {
        if let Some(mut comparison) = self.partitions.take_comparison(partition, generation) {
            comparison.add(offset, found);
            self.compare_log(partition, generation, comparison);
        }
    }

    /// Continues after a commit of [`WorkerEffect::CommitPosition`] by reading the position. The outcome of
    /// the commit does not matter.
    pub fn end_position_commit(&mut self, partition: &Partition, generation: u64) {
        if self.partitions.is_current(partition, generation) {
            self.effects.push_back(WorkerEffect::ReadPosition { partition: partition.clone(), generation });
        }
    }

    /// Reads the next record of a comparison, or concludes from it.
    fn compare_log(&mut self, partition: &Partition, generation: u64, comparison: LogComparison) {
        if let Some(offset) = comparison.next_offset() {
            self.partitions.start_comparing(partition, comparison);
            self.effects.push_back(WorkerEffect::ReadDigest {
                partition: partition.clone(),
                generation,
                offset,
            });
            return;
        }
        let LogComparison { position, registration, log, .. } = comparison;
        let Some(kind) = comparison.mismatch() else {
            self.partitions.start_fetching(partition, position, registration);
            let offset = position.next;
            self.effects.push_back(WorkerEffect::Fetch { partition: partition.clone(), generation, offset });
            return;
        };
        match kind.gap().filter(|_| self.on_gap == OnGap::Skip) {
            Some(gap) => self.skip_gap(partition, generation, position, log, gap),
            None => self.stop_at_mismatch(partition, position, log, kind),
        }
    }

    /// Moves the position over a gap. It may move backwards, so the move increases the revision.
    fn skip_gap(
        &mut self,
        partition: &Partition,
        generation: u64,
        from: Position,
        log: LogRange,
        kind: GapKind,
    ) {
        let next = match kind {
            GapKind::Truncated if is_enforced(Guard::TruncationIsNoStart) => log.end,
            // The range may be that of the old log. A new log begins at 0; what it has lost since is the next gap.
            GapKind::Replaced => 0,
            GapKind::Truncated | GapKind::Expired => log.start,
        };
        // The offset of the last record may soon hold another one, unless retention has deleted it.
        let last_record = from.last_record.filter(|_| kind == GapKind::Expired);
        let to = Position { next, last_record, ..from.revise(from.event_time) };
        let gap = Gap { kind, from: from.next, to: next };
        let pipeline = &self.spec.pipeline;
        let step = PositionMove { partition: partition.clone(), from, to, first_record: None };
        let mut mutations = position::move_positions(pipeline, &[step]);
        mutations.push(position::record_gap(pipeline, partition, gap));
        if kind == GapKind::Replaced {
            let registration = Registration { start: Some(next), first_record: None };
            mutations.push(registration::update_registration(pipeline, partition, registration));
        }
        self.commit_position(partition, generation, mutations, Some(gap));
    }

    fn stop_at_mismatch(
        &mut self,
        partition: &Partition,
        position: Position,
        log: LogRange,
        kind: LogMismatchKind,
    ) {
        let mismatch = LogMismatch { kind, position: position.next, log };
        self.stop_before_fetch(partition, Some(position), position.next, StopReason::Log(mismatch));
    }

    /// Stops a partition before it is fetched. The fetch of an older generation may still run.
    fn stop_before_fetch(
        &mut self,
        partition: &Partition,
        position: Option<Position>,
        offset: Offset,
        reason: StopReason,
    ) {
        self.partitions.stop_before_fetch(partition, position);
        self.effects.push_back(WorkerEffect::StopFetch { partition: partition.clone() });
        let stop = PartitionStop { partition: partition.clone(), offset, reason };
        self.effects.push_back(WorkerEffect::ReportStop(stop));
    }

    fn commit_position(
        &mut self,
        partition: &Partition,
        generation: u64,
        mutations: Vec<Mutation>,
        gap: Option<Gap>,
    ) {
        let partition = partition.clone();
        self.effects.push_back(WorkerEffect::CommitPosition { partition, generation, mutations, gap });
    }
}
