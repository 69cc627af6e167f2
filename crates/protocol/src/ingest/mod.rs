//! Kafka to Spanner: every commit consumes the position row that it starts from.
//!
//! A batch that covers the offsets [s, e) of a partition updates and deletes the position row s
//! and inserts row e, in one blind commit with its data. Whoever holds a stale s fails whole.

mod aggregate;
mod batch;
mod cache;
mod change;
mod effect;
mod fold;
mod letter;
mod position;
mod window;
mod worker;

pub use aggregate::{Fraction, FractionError, Function, FunctionError, Input, Mean};
pub use change::{Change, GroupKey, Spec, Target, TargetKind};
pub use effect::{Commit, Effect, Gap, Limits, OnError, OnGap, Outcome, Record, Stop, StopReason};
pub use letter::{Failure, Payload};
pub use position::{LogRange, Move, Offset, Partition, TABLE_PARTITIONS, TABLE_POSITIONS};
pub use window::{
    End, Hop, Session, SessionRange, Sessions, Size, Slide, Slides, WindowError, first_open, hopping,
    is_late, session_range, slide_range, tumbling,
};
pub use worker::Worker;
