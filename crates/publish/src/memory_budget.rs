//! A bound on memory that all shards of a worker share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spanbridge_telemetry::metrics::Gauge;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Bytes of records that all shards of a worker hold. The budget is checked before a record is read, when its size is
/// still unknown. So a record of any size passes, and each shard may exceed the limit by one record.
pub(crate) struct MemoryBudget {
    /// In bytes.
    limit: usize,
    held: AtomicUsize,
    freed: Notify,
    gauge: Gauge,
}

/// Bytes of the budget, released when this is dropped.
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize, gauge: Gauge) -> Self {
        gauge.set(0.0);
        Self { limit, held: AtomicUsize::new(0), freed: Notify::new(), gauge }
    }

    /// True while fewer bytes are held than the limit.
    pub(crate) fn has_room(&self) -> bool {
        self.held.load(Ordering::Acquire) < self.limit
    }

    /// True while less than half of the limit is held: enough to resume queries that were dropped.
    pub(crate) fn has_half_free(&self) -> bool {
        self.held.load(Ordering::Acquire) < self.limit / 2
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Waits until the held bytes fall below the limit, or below half of it, after this call.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Takes the bytes, also beyond the limit.
    #[allow(clippy::cast_precision_loss)] // A gauge of bytes.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Reservation {
        self.held.fetch_add(bytes, Ordering::AcqRel);
        self.gauge.increment(bytes as f64);
        Reservation { budget: self.clone(), bytes }
    }
}

impl Drop for Reservation {
    #[allow(clippy::cast_precision_loss)] // A gauge of bytes.
    fn drop(&mut self) {
        let MemoryBudget { limit, held, freed, gauge } = &*self.budget;
        let before = held.fetch_sub(self.bytes, Ordering::AcqRel);
        gauge.decrement(self.bytes as f64);
        let passes = |bound: usize| before >= bound && before - self.bytes < bound;
        if passes(*limit) || passes(limit / 2) {
            freed.notify_waiters();
        }
    }
}
