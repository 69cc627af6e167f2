//! The settings of a worker.

use std::time::Duration;

/// The limits of a [`super::Worker`].
#[derive(Debug, Clone)]
pub struct WorkerLimits {
    /// The maximum number of records in a commit.
    pub max_records: usize,
    /// The maximum size of a commit's records in bytes. A single record may exceed it.
    pub max_bytes: usize,
    /// The longest time that a record waits for its commit.
    pub max_wait: Duration,
    /// The maximum number of commits in flight. They belong to different partitions.
    pub max_in_flight: usize,
    /// The size of the cache of group states in bytes.
    pub cached_bytes: usize,
    /// The number of mutations, as Spanner counts them, that learned batch sizes stay below.
    pub max_mutations: u64,
    /// The delay after the first abort of a commit. It doubles with each further abort, up to 1 s.
    pub backoff: Duration,
    /// The shortest time between two commits that only move the position of a partition to the end of its
    /// log.
    pub end_interval: Duration,
}

/// The policy for records that cannot be decoded, mapped or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The record becomes a dead letter.
    DeadLetter,
    /// The partition stops before the record.
    Stop,
}

/// The policy for positions that do not fit the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGap {
    /// The partition stops.
    Stop,
    /// The partition continues at the start of the log, or at the end of a truncated one, and the gap is
    /// recorded in `BridgeGaps`. It stops if nothing tells which log it is.
    Skip,
}
