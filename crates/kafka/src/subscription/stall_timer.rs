//! How long a fetch may deliver nothing before it is started again.
//!
//! After an outage of a broker, librdkafka can stop fetching a partition without an error (its issues 4492 and 5153). A
//! fetch that is started again continues. An idle partition looks the same from here, so each restart that delivers
//! nothing doubles the time to the next one.

use std::time::{Duration, Instant};

/// The longest time between two restarts.
const MAX_STALL_TIMEOUT: Duration = Duration::from_secs(600);

/// The time since a fetch has delivered something.
pub(super) struct StallTimer {
    since: Instant,
    limit: Duration,
}

impl StallTimer {
    pub(super) fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit }
    }

    /// Returns whether the fetch is to be started again.
    pub(super) fn has_expired(&self) -> bool {
        self.since.elapsed() >= self.limit
    }

    /// The timer of the fetch that replaces this one.
    pub(super) fn after_restart(&self) -> Self {
        Self::new((self.limit * 2).min(MAX_STALL_TIMEOUT.max(self.limit)))
    }
}
