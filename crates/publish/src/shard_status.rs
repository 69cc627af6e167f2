use std::sync::{Mutex, MutexGuard, PoisonError};

use spanbridge_protocol::value::Timestamp;

/// How a shard fares, for readiness and gauges.
#[derive(Debug, Default)]
pub(crate) struct Status(Mutex<State>);

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Its state has been read back, and its tokens are read.
    pub(crate) running: bool,
    /// Why it is not running, or what it waits for.
    pub(crate) reason: Option<String>,
    pub(crate) tokens_running: usize,
    pub(crate) tokens_waiting: usize,
    pub(crate) tokens_finished: usize,
    pub(crate) open_ranges: usize,
    pub(crate) watermark: Option<Timestamp>,
}

impl Status {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
