//! Change streams to Kafka: every Kafka transaction contains data and the frontiers that it moves.
//!
//! A [`Shard`] is the state machine of one partition of the pipeline's state topic. The topic is
//! compacted and doubles as a mailbox: when a token finishes, its owner writes a record for each child
//! token into the child's shard. Everything that a shard needs after a crash is in that partition.
//!
//! ```text
//!  change stream queries ──▶ Merge (atomic pipelines only: commit order) ──▶ Shard ──▶ Kafka transactions
//!                                                                             ▲         data, then state
//!                                            state topic, read_committed ─────┘
//! ```
//!
//! | module | contents |
//! | --- | --- |
//! | `shard` | the state machine of one shard, with its components |
//! | `merge` | the order of commits over all tokens of an atomic pipeline |
//! | `progress` | the low watermark of a pipeline, over all its shards |
//! | `transaction_counts` | event counts for the transaction metadata topic |
//! | `state` | keys and values of the state topic; their JSON form is stored |
//! | `frontier`, `snapshot`, `incremental_snapshot`, `token` | values within state records |
//! | `effect`, `change_id`, `limits` | the values that services exchange with a shard |
//!
//! Nothing here performs I/O or reads a clock. The service calls methods of the state machine with
//! what it has received, and carries out the [`ShardEffect`]s that it takes from it.

mod change_id;
mod effect;
mod frontier;
mod incremental_snapshot;
mod limits;
mod merge;
mod progress;
mod shard;
mod snapshot;
mod state;
mod token;
mod transaction_counts;

pub use change_id::ChangeId;
pub use effect::{KafkaTransaction, ShardEffect};
pub use frontier::Frontier;
pub use incremental_snapshot::{
    Barrier, BarrierId, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
    SnapshotStage, TableProgress,
};
pub use limits::ShardLimits;
pub use merge::{Merge, TokenEvent};
pub use progress::PipelineProgress;
pub use shard::{Shard, ShardConfig, ShardError};
pub use snapshot::{InitialSnapshot, RangeId, SnapshotRange};
pub use state::{Origin, ParentFinished, StateKey, StateRecord, StateValue, shard_of};
pub use token::{ChildTokens, Token};
pub use transaction_counts::{EventCounts, TransactionCounts};
