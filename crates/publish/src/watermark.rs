//! The low watermark of the pipeline: all changes before it are published.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use spanbridge_config::Publish;
use spanbridge_protocol::value::Timestamp;
use tokio::sync::Notify;

/// The low watermark as far as this worker knows it.
#[derive(Debug, Default)]
pub(crate) struct PipelineWatermark {
    at: Mutex<Option<Timestamp>>,
    /// Shards that wait for the watermark to pass a barrier.
    waiting: AtomicUsize,
    changed_waiting: Notify,
}

/// The wait of a shard. While it lives, the watermark is computed more often.
pub(crate) struct WatermarkWait(Arc<PipelineWatermark>);

impl Drop for WatermarkWait {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PipelineWatermark {
    pub(crate) fn get(&self) -> Option<Timestamp> {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, watermark: Option<Timestamp>) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = watermark;
    }

    /// Starts a wait.
    pub(crate) fn wait(self: &Arc<Self>) -> WatermarkWait {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.changed_waiting.notify_one();
        WatermarkWait(self.clone())
    }

    /// True while a shard waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Returns once a shard waits, or at once if the watermark is `always` needed.
    pub(crate) async fn awaited(&self, always: bool) {
        while !always && !self.is_awaited() {
            self.wait_started().await;
        }
    }

    /// Returns when a wait starts.
    pub(crate) async fn wait_started(&self) {
        self.changed_waiting.notified().await;
    }
}

/// True if the configuration of the pipeline needs the watermark all the time.
pub(crate) fn is_needed(publish: &Publish) -> bool {
    publish.low_watermark || publish.end.is_some() || publish.watermark_topic.is_some()
}
