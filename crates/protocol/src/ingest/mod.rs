//! Kafka to Spanner: every commit consumes the position row that it starts from.
//!
//! A batch that covers the offsets `[s, e)` of a partition updates and deletes the position row of `s` and
//! inserts the row of `e`, in one blind commit with its data. The whole commit fails for a worker that
//! holds a stale `s`: "Position consumption" (docs/design/ingest-positions.md).
//!
//! ```text
//!  Kafka records ──▶ decode, map (service) ──▶ Record ──▶ Worker ──▶ WorkerEffect::Commit ──▶ Spanner
//!                                                           ▲                                   │
//!                                                           └───────────── Outcome ◀────────────┘
//! ```
//!
//! | module | contents |
//! | --- | --- |
//! | `worker` | the state machine: partitions, batches, commits and their outcomes |
//! | `fold` | a batch of changes to the mutations of one commit |
//! | `aggregate`, `window` | aggregate functions, and windows of event time |
//! | `position` | the position rows and the mutations that consume them |
//! | `dead_letter`, `failure` | records that cannot be applied |
//! | `change`, `record` | what a record changes, as the service maps it |
//! | `constraints` | cascades and unique indexes, by which the order of two changes decides |
//! | `effect`, `outcome`, `stop`, `settings` | the values that services exchange with a worker |
//! | `record_queue`, `state_cache` | the bounded memory of a worker |

mod aggregate;
mod change;
mod constraints;
mod dead_letter;
mod effect;
mod failure;
mod fold;
mod outcome;
mod position;
mod record;
mod record_queue;
mod settings;
mod state_cache;
mod stop;
mod window;
mod worker;

pub use aggregate::{AggregateError, AggregateFunction, AggregateInput, Fraction, FractionError, MeanType};
pub use change::{
    Change, GroupTarget, KeyRange, LatePolicy, RowKey, RowTarget, Spec, Target, TargetKind, Window,
    WindowKind,
};
pub use constraints::{CascadeRelation, UniqueIndex};
pub use dead_letter::{Payload, StoredPayload, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
pub use effect::{Commit, WorkerEffect};
pub use failure::Failure;
pub use fold::SkipCounts;
pub use outcome::Outcome;
pub use position::{
    LogRange, Offset, Partition, Position, PositionMove, TABLE_PARTITIONS, TABLE_POSITIONS,
    register_partition,
};
pub use record::Record;
pub use settings::{OnError, OnGap, WorkerLimits};
pub use stop::{Gap, PartitionStop, StopReason};
pub use window::{Hop, PartitionProgress, WindowError, WindowSize, compute_watermark};
pub use worker::Worker;
