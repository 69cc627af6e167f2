//! Kafka to Spanner: every commit consumes the position row that it starts from.
//!
//! A batch that covers the offsets [s, e) of a partition updates and deletes the position row s
//! and inserts row e, in one blind commit with its data. Whoever holds a stale s fails whole.

mod aggregate;
mod batch;
mod cache;
mod change;
mod dead_letter;
mod effect;
mod fold;
mod position;
mod window;
mod worker;

pub use aggregate::{AggregateError, AggregateFunction, AggregateInput, Fraction, FractionError, MeanType};
pub use change::{
    Change, GroupTarget, KeyRange, LatePolicy, RowKey, RowTarget, Spec, Target, TargetKind, Window,
    WindowKind,
};
pub use dead_letter::{Failure, Payload, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
pub use effect::{
    Commit, Gap, OnError, OnGap, Outcome, PartitionStop, Record, StopReason, WorkerEffect, WorkerLimits,
};
pub use fold::SkipCounts;
pub use position::{
    LogRange, Offset, Partition, Position, PositionMove, TABLE_PARTITIONS, TABLE_POSITIONS,
    register_partition,
};
pub use window::{Hop, PartitionProgress, WindowError, WindowSize, compute_watermark};
pub use worker::Worker;
