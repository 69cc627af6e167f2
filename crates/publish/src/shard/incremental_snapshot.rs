//! Rows that are read again, as the shard tells of them.

use spanbridge_protocol::publish::{RequestId, SnapshotStage};
use spanbridge_protocol::value::Timestamp;

use super::run::ShardRun;
use crate::watermark::Waiting;

/// What a request needs of the worker.
#[derive(Default)]
pub(super) struct SnapshotMonitor {
    /// While the machine waits for the watermark.
    waiting: Option<Waiting>,
    /// The request that is being carried out.
    request: Option<RequestId>,
}

impl ShardRun {
    /// Changes are published up to there for now.
    pub(super) fn until(&mut self, end: Option<Timestamp>) {
        if let Some(order) = &mut self.order {
            order.set_end(end);
        }
        let (pipeline, shard) = (self.pipeline.name(), self.index);
        match end {
            Some(at) if self.shard.is_at_barrier() => {
                tracing::info!(pipeline, shard, %at, "changes are held while rows are read again");
            }
            _ => tracing::debug!(pipeline, shard, ?end, "changes go on"),
        }
    }

    /// Hands the watermark in while it is waited for, and tells when a request is done.
    pub(super) fn follow_reread(&mut self) {
        let (watermark, now) = (self.pipeline.watermark.get(), self.now());
        self.shard.observe_watermark(watermark, now);
        if self.shard.needs_watermark() {
            self.following.waiting.get_or_insert_with(|| self.pipeline.watermark.wait());
        } else {
            self.following.waiting = None;
        }
        let Some(reread) = self.shard.incremental_snapshot() else { return };
        let (pipeline, is_done) = (self.pipeline.name(), reread.stage == SnapshotStage::Done);
        if !is_done {
            self.following.request = Some(reread.request.clone());
        } else if self.following.request.take().is_some() {
            for (table, told) in &reread.table_progress {
                let (rows, refused) = (told.rows, told.error.as_deref());
                tracing::info!(pipeline, request = %reread.request, %table, rows, refused, "rows of a table read again");
            }
            let cancelled = reread.cancelled;
            tracing::info!(pipeline, request = %reread.request, cancelled, "request for rows carried out");
        }
    }
}
