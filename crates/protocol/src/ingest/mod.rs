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

pub use aggregate::{Fraction, FractionError, Function, FunctionError, Input, Mean};
pub use change::{
    Change, Groups, KeyRange, Late, RowKey, Rows, Spec, Target, TargetKind, Window, WindowKind,
};
pub use dead_letter::{Failure, Payload, TABLE_DEAD_LETTERS, TABLE_REPLAYS};
pub use effect::{Commit, Effect, Gap, Limits, OnError, OnGap, Outcome, Record, Stop, StopReason};
pub use fold::Skipped;
pub use position::{
    LogRange, Move, Offset, Partition, Position, TABLE_PARTITIONS, TABLE_POSITIONS, register,
};
pub use window::{Hop, Progress, Size, WindowError, watermark};
pub use worker::Worker;
