//! The coordinator of one transactional id.
//!
//! It follows Kafka's `TransactionCoordinator` for clients of the protocol from before the second part of
//! KIP-890: an epoch lives for many transactions, `AddPartitionsToTxn` begins one, and `EndTxn` is answered
//! before the markers are written (KIP-98). `InitProducerId` and a time-out increase the epoch (KIP-360).

use super::{Epoch, Reply, Topic};

/// The state of the transactional id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Coordinator {
    epoch: Epoch,
    phase: Phase,
    /// The partitions of the open transaction; while it ends, those without their marker.
    partitions: [bool; 2],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    Empty,
    Ongoing,
    /// The outcome is decided. Markers are being written.
    Ending {
        is_commit: bool,
    },
    Ended {
        is_commit: bool,
    },
}

impl Coordinator {
    /// `InitProducerId` of a new client.
    pub(super) fn init(&mut self) -> Reply {
        match self.phase {
            Phase::Ending { .. } => return Reply::TryAgain,
            Phase::Ongoing => {
                self.abort();
                return Reply::TryAgain;
            }
            Phase::Empty | Phase::Ended { .. } => {}
        }
        self.epoch += 1;
        self.phase = Phase::Empty;
        Reply::Epoch(self.epoch)
    }

    /// `AddPartitionsToTxn`.
    pub(super) fn add_partition(&mut self, epoch: Epoch, topic: Topic) -> Reply {
        if epoch != self.epoch {
            return Reply::Failed;
        }
        match self.phase {
            Phase::Ending { .. } => return Reply::TryAgain,
            Phase::Ongoing => {}
            Phase::Empty | Phase::Ended { .. } => {
                self.phase = Phase::Ongoing;
                self.partitions = [false; 2];
            }
        }
        self.partitions[topic as usize] = true;
        Reply::Done
    }

    /// `EndTxn` with the result "commit". A request with the result "abort" is sent by no producer of the model.
    pub(super) fn commit(&mut self, epoch: Epoch) -> Reply {
        if epoch != self.epoch {
            return Reply::Failed;
        }
        match self.phase {
            Phase::Ongoing => {
                self.phase = Phase::Ending { is_commit: true };
                Reply::Done
            }
            Phase::Ending { is_commit: true } => Reply::TryAgain,
            Phase::Ended { is_commit: true } => Reply::Done,
            Phase::Empty | Phase::Ending { .. } | Phase::Ended { .. } => Reply::Failed,
        }
    }

    /// Aborts the open transaction and fences its producer, after `transaction.timeout.ms` or for a new client.
    pub(super) fn abort(&mut self) {
        self.epoch += 1;
        self.phase = Phase::Ending { is_commit: false };
    }

    /// Returns the epoch and the outcome of a marker that is still to be written to the topic's partition.
    pub(super) fn due_marker(&self, topic: Topic) -> Option<(Epoch, bool)> {
        match self.phase {
            Phase::Ending { is_commit } if self.partitions[topic as usize] => Some((self.epoch, is_commit)),
            _ => None,
        }
    }

    pub(super) fn marker_written(&mut self, topic: Topic) {
        self.partitions[topic as usize] = false;
        if let (Phase::Ending { is_commit }, [false, false]) = (self.phase, self.partitions) {
            self.phase = Phase::Ended { is_commit };
        }
    }

    /// Returns whether a transaction of this epoch is open that contains the partition.
    pub(super) fn has_open(&self, epoch: Epoch, topic: Topic) -> bool {
        self.is_open() && epoch == self.epoch && self.partitions[topic as usize]
    }

    /// Returns whether a transaction is open.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Ongoing
    }

    /// Returns whether markers are being written.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    /// The latest epoch.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }
}
