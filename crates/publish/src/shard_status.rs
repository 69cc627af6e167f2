//! The status of a shard, shared between its task and the main loop.

use std::sync::{Mutex, MutexGuard, PoisonError};

use spanbridge_protocol::value::Timestamp;

/// The status of a shard, written by its task and read for readiness and gauges.
#[derive(Debug, Default)]
pub(crate) struct SharedShardStatus(Mutex<ShardStatus>);

/// The state of a shard as far as readiness and gauges show it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShardStatus {
    /// True once the stored state has been read and the tokens are queried.
    pub(crate) is_running: bool,
    /// Why the shard is not running, or what it waits for.
    pub(crate) reason: Option<String>,
    pub(crate) tokens_running: usize,
    pub(crate) tokens_waiting: usize,
    pub(crate) tokens_finished: usize,
    /// Ranges of a snapshot that are still to be read.
    pub(crate) open_ranges: usize,
    pub(crate) watermark: Option<Timestamp>,
    /// The number of records that queries have returned, and of transactions that were committed.
    pub(crate) signs_of_progress: u64,
}

impl SharedShardStatus {
    pub(crate) fn lock(&self) -> MutexGuard<'_, ShardStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
