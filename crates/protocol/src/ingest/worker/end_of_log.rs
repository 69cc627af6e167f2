//! The position of a partition at the end of its log: "Position at the end"
//! (docs/design/ingest-positions.md).

use std::time::Duration;

use super::Worker;
use super::end_moves::EndMove;
use crate::guard::{Guard, is_enforced};
use crate::ingest::dead_letter::Payload;
use crate::ingest::effect::{Commit, WorkerEffect};
use crate::ingest::fold::SkipCounts;
use crate::ingest::outcome::Outcome;
use crate::ingest::position::{self, Offset, Partition, PositionMove};

impl<P: Payload> Worker<P> {
    /// Notes that the consumer's position is at the end of the log, and that it is `end`. Control records and
    /// aborted records may precede it: "Position at the end" (docs/design/ingest-positions.md).
    ///
    /// The service has added all records before `end`. The call has no effect if the position is not past
    /// the last of them.
    pub fn reach_end(&mut self, partition: &Partition, generation: u64, end: Offset, now: Duration) {
        if is_enforced(Guard::PositionAtEnd) && self.partitions.reach(partition, generation, end) {
            self.end_moves.reach(partition, end, now);
            self.start_due_commits(now);
        }
    }

    /// Commits positions at the ends of their logs, for partitions without a record that waits. `now` is
    /// absent at a revocation.
    pub(super) fn move_to_ends(&mut self, ends: Vec<(Partition, Offset)>, now: Option<Duration>) {
        let mut moves = Vec::new();
        for (partition, end) in ends {
            if !self.may_move_to_end(&partition) {
                continue;
            }
            let Some((generation, from)) = self.partitions.fetching(&partition) else { continue };
            if end <= from.next {
                self.end_moves.forget(&partition);
                continue;
            }
            let to = from.advance_to(end, from.event_time, from.last_record);
            moves
                .push(EndMove { generation, step: PositionMove { partition, from, to, first_record: None } });
        }
        if moves.is_empty() {
            return;
        }
        self.last_attempt += 1;
        let attempt = self.last_attempt;
        let steps: Vec<PositionMove> = moves.iter().map(|it| it.step.clone()).collect();
        self.effects.push_back(WorkerEffect::Commit(Commit {
            attempt,
            first: attempt,
            in_transaction: false,
            mutations: position::move_positions(&self.spec.pipeline, &steps),
            moves: steps,
            records: 0,
            replay: false,
            failures: Vec::new(),
            skipped: SkipCounts::default(),
        }));
        self.end_moves.start_flight(attempt, moves, now);
    }

    /// Returns whether no record of the partition waits, so that its position may move to the end.
    pub(super) fn may_move_to_end(&self, partition: &Partition) -> bool {
        self.partitions.fetching_position(partition).is_some()
            && !self.batches.contains(partition)
            && !self.end_moves.is_moving(partition)
    }

    /// Applies the outcome of a commit without records. One that is not certain has only one recovery:
    /// "One recovery rule" (docs/design/ingest-positions.md).
    pub(super) fn apply_end_moves(&mut self, moves: Vec<EndMove>, outcome: &Outcome, now: Duration) {
        for EndMove { generation, step } in moves {
            let is_current = self.partitions.is_current(&step.partition, generation);
            match outcome {
                Outcome::Committed { .. } => {
                    if is_current {
                        self.partitions.apply_move(&step);
                    }
                    let PositionMove { partition, to, .. } = step;
                    self.effects.push_back(WorkerEffect::CommitGroupOffset { partition, next: to.next });
                }
                Outcome::Aborted if is_current => {
                    self.end_moves.reach(&step.partition, step.to.next, now);
                }
                _ if is_current => self.start_partition(&step.partition),
                _ => {}
            }
        }
    }
}
