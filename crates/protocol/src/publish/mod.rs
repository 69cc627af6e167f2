//! Spanner to Kafka: every Kafka transaction holds data and the frontiers it moves.
//!
//! A shard is one partition of the pipeline's compacted state topic, which doubles as a mailbox:
//! the owner of a parent token writes a note for each child into the child's shard.

mod effect;
mod frontier;
mod incremental_snapshot;
mod merge;
mod progress;
mod shard;
mod snapshot;
mod state;
mod token;
mod transaction_counts;

pub use effect::{ChangeId, ChildTokens, KafkaTransaction, ShardEffect, ShardLimits};
pub use frontier::Frontier;
pub use incremental_snapshot::{
    Barrier, BarrierId, IncrementalSnapshot, Paused, RangeProgress, RequestId, SnapshotRequest,
    SnapshotStage, TableProgress,
};
pub use merge::{Merge, TokenEvent};
pub use progress::PipelineProgress;
pub use shard::{Shard, ShardConfig, ShardError};
pub use snapshot::{InitialSnapshot, RangeId, SnapshotRange};
pub use state::{Origin, ParentFinished, StateKey, StateRecord, StateValue, shard_of};
pub use token::Token;
pub use transaction_counts::{EventCounts, TransactionCounts};
