use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use spanbridge_telemetry::metrics::Gauge;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Bytes of records that all shards of a worker have read ahead. It is asked before a record is read, when nobody knows
/// its size: so a huge record passes as any, and each shard may go beyond the limit by one record.
pub(crate) struct MemoryBudget {
    limit: usize,
    held: AtomicUsize,
    freed: Notify,
    gauge: Gauge,
}

/// What a record holds of the budget; dropped, it is free.
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize, gauge: Gauge) -> Self {
        gauge.set(0.0);
        Self { limit, held: AtomicUsize::new(0), freed: Notify::new(), gauge }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.held.load(Ordering::Acquire) < self.limit
    }

    /// Enough to ask again for what was given back.
    pub(crate) fn has_much_room(&self) -> bool {
        self.held.load(Ordering::Acquire) < self.limit / 2
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }

    /// Ends when there is room again, or much room, that there was not when this was called.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    #[allow(clippy::cast_precision_loss)] // A gauge of bytes.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Reservation {
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
