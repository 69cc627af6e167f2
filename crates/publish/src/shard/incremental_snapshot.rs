//! The worker's part in an incremental snapshot: it hands in the pipeline's watermark while the state machine waits at a
//! barrier, and logs the progress of a request. The state machine decides everything else.

use spanbridge_protocol::publish::{RequestId, SnapshotStage};
use spanbridge_protocol::value::Timestamp;

use super::context::ShardContext;
use super::outgoing_message::Machine;
use crate::watermark::WatermarkWait;

/// Follows the request that shard 0 carries out.
pub(super) struct IncrementalSnapshotMonitor {
    context: ShardContext,
    /// Held while the state machine waits for the watermark, so that it is computed more often.
    wait: Option<WatermarkWait>,
    /// The request that is being carried out.
    request: Option<RequestId>,
}

impl IncrementalSnapshotMonitor {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { context, wait: None, request: None }
    }

    /// Logs the barrier that changes wait at, or that they continue.
    pub(super) fn log_end(&self, end: Option<Timestamp>, is_reading_rows: bool) {
        let (pipeline, shard) = (self.context.pipeline.name(), self.context.index);
        match end {
            Some(at) if is_reading_rows => {
                tracing::info!(pipeline, shard, %at, "Changes wait at the barrier of an incremental snapshot");
            }
            _ => tracing::debug!(pipeline, shard, ?end, "Changes continue"),
        }
    }

    /// Hands in the watermark, and logs a request that has been carried out.
    pub(super) fn poll(&mut self, machine: &mut Machine) {
        let watermark = &self.context.pipeline.watermark;
        machine.observe_watermark(watermark.get(), self.context.now());
        if machine.needs_watermark() {
            self.wait.get_or_insert_with(|| watermark.wait());
        } else {
            self.wait = None;
        }
        let Some(snapshot) = machine.incremental_snapshot() else { return };
        if snapshot.stage != SnapshotStage::Done {
            self.request = Some(snapshot.request.clone());
            return;
        }
        if self.request.take().is_none() {
            return;
        }
        let (pipeline, request, cancelled) =
            (self.context.pipeline.name(), &snapshot.request, snapshot.cancelled);
        for (table, progress) in &snapshot.table_progress {
            let (rows, refused) = (progress.rows, progress.error.as_deref());
            tracing::info!(pipeline, %request, %table, rows, refused, "Incremental snapshot of a table finished");
        }
        tracing::info!(pipeline, %request, cancelled, "Incremental snapshot finished");
    }
}
