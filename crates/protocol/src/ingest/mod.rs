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
//! | `registration`, `fingerprint` | the rows of partitions, and the records by which they recognise a log |
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
mod fingerprint;
mod fold;
mod outcome;
mod position;
mod record;
mod record_queue;
mod registration;
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
pub use fingerprint::{Digest, Fingerprint};
pub use fold::SkipCounts;
pub use outcome::Outcome;
pub use position::{Gap, GapKind, LogRange, Offset, Partition, Position, PositionMove, TABLE_POSITIONS};
pub use record::Record;
pub use registration::{
    Registration, StoredPartition, TABLE_PARTITIONS, register_partition, restore_position, set_position,
};
pub use settings::{OnError, OnGap, WorkerLimits};
pub use stop::{LogMismatch, LogMismatchKind, PartitionStop, StopReason};
pub use window::{Hop, PartitionProgress, WindowError, WindowSize, compute_watermark};
pub use worker::Worker;
