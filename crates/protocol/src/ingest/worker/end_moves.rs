//! The moves of positions over offsets without records, at the end of a log.
//!
//! Control records and aborted records are never delivered, so no batch moves the position over them:
//! "Position at the end" (docs/design/ingest-positions.md). A move of this kind has no records. It is
//! fenced like every commit, and a partition has either a batch or such a move in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ingest::position::{Offset, Partition, PositionMove};

/// The ends that partitions have reached, and the commits that move positions there.
#[derive(Debug)]
pub(super) struct EndMoves {
    /// The shortest time between two moves of one partition.
    interval: Duration,
    reached: BTreeMap<Partition, ReachedEnd>,
    /// The time before which the next move of a partition does not start.
    not_before: BTreeMap<Partition, Duration>,
    in_flight: BTreeMap<u64, Vec<EndMove>>,
}

#[derive(Debug, Clone, Copy)]
struct ReachedEnd {
    /// The offset behind the last control record or aborted record.
    end: Offset,
    due: Duration,
}

/// One move in flight, with the generation of its partition.
#[derive(Debug, Clone)]
pub(super) struct EndMove {
    pub(super) generation: u64,
    pub(super) step: PositionMove,
}

impl EndMoves {
    /// Creates an empty set of moves.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, reached: BTreeMap::new(), not_before: BTreeMap::new(), in_flight: BTreeMap::new() }
    }

    /// Notes that the consumer has reached an end.
    pub(super) fn reach(&mut self, partition: &Partition, end: Offset, now: Duration) {
        let due = self.not_before.get(partition).copied().unwrap_or(now).max(now);
        let reached = self.reached.entry(partition.clone()).or_insert(ReachedEnd { end, due });
        reached.end = reached.end.max(end);
    }

    /// Returns the end that a partition has reached.
    pub(super) fn end(&self, partition: &Partition) -> Option<Offset> {
        self.reached.get(partition).map(|reached| reached.end)
    }

    /// Returns the partitions whose move is due, with the end of each. Returns none while a move is in
    /// flight.
    pub(super) fn due(&self, now: Duration) -> Vec<(Partition, Offset)> {
        if !self.in_flight.is_empty() {
            return Vec::new();
        }
        let due = self.reached.iter().filter(|(_, reached)| reached.due <= now);
        due.map(|(partition, reached)| (partition.clone(), reached.end)).collect()
    }

    /// The time of the next move, among the partitions for which `may_move` returns true.
    pub(super) fn deadline(&self, may_move: impl Fn(&Partition) -> bool) -> Option<Duration> {
        if !self.in_flight.is_empty() {
            return None;
        }
        let waiting = self.reached.iter().filter(|(partition, _)| may_move(partition));
        waiting.map(|(_, reached)| reached.due).min()
    }

    /// Adds a commit in flight.
    pub(super) fn start_flight(&mut self, attempt: u64, moves: Vec<EndMove>, now: Option<Duration>) {
        for EndMove { step, .. } in &moves {
            self.reached.remove(&step.partition);
            if let Some(now) = now {
                self.not_before.insert(step.partition.clone(), now + self.interval);
            }
        }
        self.in_flight.insert(attempt, moves);
    }

    /// Takes a commit in flight out.
    pub(super) fn end_flight(&mut self, attempt: u64) -> Option<Vec<EndMove>> {
        self.in_flight.remove(&attempt)
    }

    /// Drops the end of a partition that has moved past it or restarts. Moves in flight stay.
    pub(super) fn forget(&mut self, partition: &Partition) {
        self.reached.remove(partition);
    }

    /// Forgets a revoked partition. Moves in flight stay.
    pub(super) fn remove(&mut self, partition: &Partition) {
        self.reached.remove(partition);
        self.not_before.remove(partition);
    }

    /// Returns whether no move is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Returns whether a move of the partition is in flight.
    pub(super) fn is_moving(&self, partition: &Partition) -> bool {
        self.in_flight.values().flatten().any(|in_flight| in_flight.step.partition == *partition)
    }

    /// Returns the partitions with a move in flight. Their records wait for it.
    pub(super) fn busy(&self) -> BTreeSet<Partition> {
        let moves = self.in_flight.values().flatten();
        moves.map(|in_flight| in_flight.step.partition.clone()).collect()
    }
}
