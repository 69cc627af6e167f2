//! Spanner to Kafka: every Kafka transaction holds data and the frontiers it moves.
//!
//! A shard is one partition of the pipeline's compacted state topic, which doubles as a mailbox:
//! the owner of a parent token writes a note for each child into the child's shard.

mod effect;
mod frontier;
mod merge;
mod progress;
mod reread;
mod shard;
mod snapshot;
mod state;
mod tally;
mod token;

pub use effect::{ChangeId, Children, Effect, Limits, Transaction};
pub use frontier::Frontier;
pub use merge::{Merge, Turn};
pub use progress::Progress;
pub use reread::{Halted, Hold, HoldId, Part, Request, RequestId, Reread, Stage, Told};
pub use shard::{Config, Shard, ShardError};
pub use snapshot::{Range, RangeId, Snapshot};
pub use state::{Note, Origin, StateKey, StateRecord, StateValue, shard_of};
pub use tally::{Tally, Total};
pub use token::Token;
