//! The partitions that a worker owns, and the position of each.

use std::collections::BTreeMap;

use super::log_comparison::LogComparison;
use crate::ingest::position::{Offset, Partition, Position, PositionMove};
use crate::ingest::record::PendingRecord;
use crate::ingest::registration::Registration;

/// The partitions that a worker owns.
#[derive(Debug, Default)]
pub(super) struct OwnedPartitions {
    partitions: BTreeMap<Partition, OwnedPartition>,
    last_generation: u64,
}

#[derive(Debug)]
struct OwnedPartition {
    /// Increases with each restart from the stored position. Answers to older generations are ignored.
    generation: u64,
    phase: PartitionPhase,
}

#[derive(Debug)]
enum PartitionPhase {
    /// The position is being read, registered, or moved over a gap.
    Locating,
    /// Records of the log are being compared with the fingerprints of the position.
    Comparing(LogComparison),
    Fetching {
        /// The stored position.
        position: Position,
        /// The lowest offset that the next record may have.
        next: Offset,
        registration: Registration,
    },
    /// The partition has stopped. Records before the stop may still wait for their commit. The position is
    /// absent if it was deleted.
    Stopped { position: Option<Position>, registration: Registration },
}

impl OwnedPartitions {
    /// Starts or restarts a partition from its stored position. Returns its new generation.
    pub(super) fn start(&mut self, partition: &Partition) -> u64 {
        self.last_generation += 1;
        let generation = self.last_generation;
        self.partitions
            .insert(partition.clone(), OwnedPartition { generation, phase: PartitionPhase::Locating });
        generation
    }

    /// Removes a revoked partition.
    pub(super) fn remove(&mut self, partition: &Partition) {
        self.partitions.remove(partition);
    }

    /// Returns the generation of a partition that is being fetched, and its stored position.
    pub(super) fn fetching(&self, partition: &Partition) -> Option<(u64, Position)> {
        let position = self.fetching_position(partition)?;
        self.partitions.get(partition).map(|owned| (owned.generation, position))
    }

    /// Returns whether the partition is owned in this generation.
    pub(super) fn is_current(&self, partition: &Partition, generation: u64) -> bool {
        self.partitions.get(partition).is_some_and(|owned| owned.generation == generation)
    }

    /// Returns whether the record's partition is owned in the record's generation.
    pub(super) fn is_record_current<P>(&self, record: &PendingRecord<P>) -> bool {
        self.is_current(&record.partition, record.generation)
    }

    /// Returns the records whose partitions are owned in their generations.
    pub(super) fn retain_current<P>(&self, batch: Vec<PendingRecord<P>>) -> Vec<PendingRecord<P>> {
        batch.into_iter().filter(|record| self.is_record_current(record)).collect()
    }

    /// Starts fetching a partition at its position.
    pub(super) fn start_fetching(
        &mut self,
        partition: &Partition,
        position: Position,
        registration: Registration,
    ) {
        let phase = PartitionPhase::Fetching { position, next: position.next, registration };
        self.set_phase(partition, phase);
    }

    /// Starts the comparison of a partition's log.
    pub(super) fn start_comparing(&mut self, partition: &Partition, comparison: LogComparison) {
        self.set_phase(partition, PartitionPhase::Comparing(comparison));
    }

    /// Takes the comparison of a partition's log, if one is under way in this generation.
    pub(super) fn take_comparison(
        &mut self,
        partition: &Partition,
        generation: u64,
    ) -> Option<LogComparison> {
        let owned = self.partitions.get_mut(partition).filter(|owned| owned.generation == generation)?;
        match std::mem::replace(&mut owned.phase, PartitionPhase::Locating) {
            PartitionPhase::Comparing(comparison) => Some(comparison),
            other => {
                owned.phase = other;
                None
            }
        }
    }

    /// Stops a partition that is not being fetched. No record of it waits.
    pub(super) fn stop_before_fetch(&mut self, partition: &Partition, position: Option<Position>) {
        let phase = PartitionPhase::Stopped { position, registration: Registration::default() };
        self.set_phase(partition, phase);
    }

    /// Stops a partition that is being fetched.
    pub(super) fn stop_fetching(&mut self, partition: &Partition) {
        if let Some(PartitionPhase::Fetching { position, registration, .. }) = self.phase(partition) {
            let phase = PartitionPhase::Stopped { position: Some(*position), registration: *registration };
            self.set_phase(partition, phase);
        }
    }

    /// Returns whether the next record that the partition applies is its first one.
    pub(super) fn awaits_first_record(&self, partition: &Partition) -> bool {
        match self.phase(partition) {
            Some(
                PartitionPhase::Fetching { position, registration, .. }
                | PartitionPhase::Stopped { position: Some(position), registration },
            ) => registration.awaits_first_record(*position),
            _ => false,
        }
    }

    /// The stored position of a partition that is being fetched.
    pub(super) fn fetching_position(&self, partition: &Partition) -> Option<Position> {
        match self.phase(partition)? {
            PartitionPhase::Fetching { position, .. } => Some(*position),
            _ => None,
        }
    }

    /// Accepts the next record of a partition. Returns false if the partition is not being fetched in
    /// this generation.
    ///
    /// # Panics
    /// If the offset has been accepted before: the record would be applied twice.
    pub(super) fn accept(&mut self, partition: &Partition, generation: u64, offset: Offset) -> bool {
        match self.partitions.get_mut(partition) {
            Some(OwnedPartition { generation: current, phase: PartitionPhase::Fetching { next, .. } })
                if *current == generation =>
            {
                assert!(offset >= *next, "{partition}: offset {offset} after {}", *next - 1);
                *next = offset + 1;
                true
            }
            _ => false,
        }
    }

    /// Notes that no record before `end` follows. Returns false if the partition is not being fetched in
    /// this generation, or has accepted a record at `end` or later.
    pub(super) fn reach(&mut self, partition: &Partition, generation: u64, end: Offset) -> bool {
        match self.partitions.get_mut(partition) {
            Some(OwnedPartition { generation: current, phase: PartitionPhase::Fetching { next, .. } })
                if *current == generation && end >= *next =>
            {
                *next = end;
                true
            }
            _ => false,
        }
    }

    /// The stored position of a partition whose records are being applied.
    ///
    /// # Panics
    /// If the position is not known.
    pub(super) fn position(&self, partition: &Partition) -> Position {
        match self.phase(partition) {
            Some(
                PartitionPhase::Fetching { position, .. }
                | PartitionPhase::Stopped { position: Some(position), .. },
            ) => *position,
            _ => unreachable!("{partition}: its records are current, so its position is known"),
        }
    }

    /// Moves the position of a partition after a commit.
    ///
    /// # Panics
    /// If the commit has consumed another position.
    pub(super) fn apply_move(&mut self, step: &PositionMove) {
        let PositionMove { partition, from, to, .. } = step;
        match self.partitions.get_mut(partition).map(|owned| &mut owned.phase) {
            Some(
                PartitionPhase::Fetching { position, .. }
                | PartitionPhase::Stopped { position: Some(position), .. },
            ) => {
                assert!(position.is_same_row(*from), "{partition}: the position that was consumed");
                *position = *to;
            }
            _ => unreachable!("{partition}: its generation is that of the commit"),
        }
    }

    /// Returns whether there are partitions and all have stopped.
    pub(super) fn have_all_stopped(&self) -> bool {
        let has_stopped = |owned: &OwnedPartition| matches!(owned.phase, PartitionPhase::Stopped { .. });
        !self.partitions.is_empty() && self.partitions.values().all(has_stopped)
    }

    fn phase(&self, partition: &Partition) -> Option<&PartitionPhase> {
        self.partitions.get(partition).map(|owned| &owned.phase)
    }

    fn set_phase(&mut self, partition: &Partition, phase: PartitionPhase) {
        if let Some(owned) = self.partitions.get_mut(partition) {
            owned.phase = phase;
        }
    }
}
