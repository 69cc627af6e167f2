//! The producer of a shard: one session follows another, and each has a new epoch.
//!
//! The steps are those of `spanbridge_kafka::TransactionalProducer` and of the shard's takeover: initialise,
//! read the stored position, then one transaction for each change. A transaction writes the change's record
//! to the data partition, and after its acknowledgement the position to the state partition.

use super::{Api, Epoch, Topic};

/// One producer. It has at most one request whose answer it waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Producer {
    pub(super) step: Step,
    epoch: Epoch,
    /// Whether a request of this session was sent twice.
    pub(super) is_in_doubt: bool,
    /// Whether the session's `InitProducerId` has aborted an open transaction. It gives up at the second one.
    pub(super) has_aborted: bool,
    /// The sequence numbers of the next records, by topic.
    sequences: [u8; 2],
    /// The next change to publish.
    pub(super) next: u8,
}

/// The event that a producer waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The assignment of the shard.
    #[default]
    Away,
    Init,
    /// The stored position.
    ReadPosition,
    AddPartition(Topic),
    Produce(Topic),
    Commit,
    /// No event, because everything is published.
    Done,
}

impl Producer {
    /// Starts a session.
    pub(super) fn start(step: Step) -> Self {
        Self { step, ..Self::default() }
    }

    /// The request of the current step.
    pub(super) fn request(&self) -> Option<Api> {
        let epoch = self.epoch;
        match self.step {
            Step::Init => Some(Api::Init),
            Step::AddPartition(topic) => Some(Api::AddPartition { epoch, topic }),
            Step::Produce(topic) => {
                let sequence = self.sequences[topic as usize];
                Some(Api::Produce { epoch, topic, sequence, change: self.next })
            }
            Step::Commit => Some(Api::Commit { epoch }),
            Step::Away | Step::ReadPosition | Step::Done => None,
        }
    }

    /// Takes the epoch from the answer to `InitProducerId`.
    pub(super) fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Returns whether the session has its epoch.
    pub(super) fn is_initialised(&self) -> bool {
        self.epoch > 0
    }

    /// Continues with the next transaction, if a change is left.
    pub(super) fn begin(&mut self, changes: u8) {
        self.step = if self.next < changes { Step::AddPartition(Topic::Data) } else { Step::Done };
    }

    /// Continues after the answer to a request of a transaction. Data precedes state: "Data before state"
    /// (docs/design/publish-takeover.md).
    pub(super) fn advance(&mut self, changes: u8) {
        match self.step {
            Step::AddPartition(topic) => self.step = Step::Produce(topic),
            Step::Produce(topic) => {
                self.sequences[topic as usize] += 1;
                self.step =
                    if topic == Topic::Data { Step::AddPartition(Topic::State) } else { Step::Commit };
            }
            Step::Commit => {
                self.next += 1;
                self.begin(changes);
            }
            Step::Away | Step::Init | Step::ReadPosition | Step::Done => {}
        }
    }
}
