//! The limits of a shard.

use std::time::Duration;

/// The limits of a [`super::Shard`].
#[derive(Debug, Clone)]
pub struct ShardLimits {
    /// The maximum number of records in a Kafka transaction. A change record is never split, so a
    /// single one may exceed the limit.
    pub max_records: usize,
    /// The maximum size of a Kafka transaction's records in bytes, with the same exception.
    pub max_bytes: usize,
    /// The longest time that a record waits for its transaction.
    pub max_wait: Duration,
    /// The longest time that a frontier waits for its transaction if only heartbeats have moved it.
    pub idle_wait: Duration,
    /// The time after which a shard stops reading rows at a barrier. Publishing then resumes for at
    /// least the same time.
    pub max_barrier_time: Duration,
    /// The time that paused shards wait for the others at the first attempt. Each failed attempt
    /// doubles it, up to 64 times. Publishing resumes for six times as long in between.
    pub barrier_timeout: Duration,
}
