//! The producers of one shard, and Kafka's transaction coordinator.
//!
//! Two producers have the same transactional id: the owner of the shard, and one that takes it over. Requests
//! wait in the network and arrive in any order, also long after their session has ended. A client may send a
//! request twice, and the first one may arrive at any later time: an `EndTxn` in the middle of the next
//! transaction. `Flaw` removes one rule of docs/design/publish-takeover.md.
//!
//! | file | contents |
//! | --- | --- |
//! | `coordinator`, `partition_log` | Kafka |
//! | `producer` | the sessions of a producer |
//! | `state` | the whole system, and its steps |
//! | `properties` | what must hold |

mod coordinator;
mod partition_log;
mod producer;
mod properties;
mod state;

use stateright::{Model, Property};

pub use properties::{EXACTLY_ONCE, NOT_LOST, NOT_TORN};
pub use state::{State, Step};

/// The epoch of a producer.
pub type Epoch = u8;

/// A topic. Each has one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The published changes.
    Data,
    /// The stored positions.
    State,
}

impl Topic {
    const ALL: [Self; 2] = [Self::Data, Self::State];
}

/// A request to Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// `InitProducerId` of a new client.
    Init,
    /// `AddPartitionsToTxn`.
    AddPartition {
        /// The producer's epoch.
        epoch: Epoch,
        /// The topic of the partition.
        topic: Topic,
    },
    /// `Produce`.
    Produce {
        /// The producer's epoch.
        epoch: Epoch,
        /// The topic of the partition.
        topic: Topic,
        /// The sequence number within the epoch and partition.
        sequence: u8,
        /// The number of the change that the record publishes.
        change: u8,
    },
    /// `EndTxn` with the result "commit".
    Commit {
        /// The producer's epoch.
        epoch: Epoch,
    },
}

/// An answer of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Done,
    Epoch(Epoch),
    /// `CONCURRENT_TRANSACTIONS`: the client asks again.
    TryAgain,
    /// The producer is fenced, or the request does not fit the state.
    Failed,
}

/// One rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// All rules hold.
    None,
    /// A success is trusted although the client has sent a request twice.
    TrustsResentRequests,
    /// The producer keeps its epoch after a failure, and reads the stored position.
    KeepsEpoch,
    /// A new owner reads the stored position before it fences the old one.
    ReadsBeforeFence,
}

/// The bounds of the exploration: how often each fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// The number of changes to publish.
    pub changes: u8,
    /// Requests that a client sends twice.
    pub resends: u8,
    /// Sessions that end in the middle: a crash, or no answer in time.
    pub give_ups: u8,
    /// Transactions that the coordinator aborts after `transaction.timeout.ms`.
    pub timeouts: u8,
    /// Moves of the shard to the other producer, without notice to the old one.
    pub takeovers: u8,
}

/// The bounds that the tests explore.
pub const BOUNDS: [Bounds; 4] = [
    Bounds { changes: 2, resends: 1, give_ups: 1, timeouts: 0, takeovers: 0 },
    Bounds { changes: 2, resends: 1, give_ups: 0, timeouts: 0, takeovers: 1 },
    Bounds { changes: 2, resends: 1, give_ups: 1, timeouts: 1, takeovers: 0 },
    Bounds { changes: 2, resends: 0, give_ups: 1, timeouts: 0, takeovers: 1 },
];

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct Publish {
    /// The rule that is left out.
    pub flaw: Flaw,
    /// The bounds.
    pub bounds: Bounds,
    /// True if leaders ask the coordinator before they append the first record of a transaction, as brokers do
    /// since the first part of KIP-890 (Kafka 3.6).
    pub verifies_partitions: bool,
    /// The only property to check; `None` checks all of them.
    pub only: Option<&'static str>,
}

impl Model for Publish {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.bounds)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        last.after(step, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = properties::all();
        properties.retain(|property| self.only.is_none_or(|only| only == property.name));
        properties
    }
}
