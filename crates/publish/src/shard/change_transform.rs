//! The transform of one change: how it is requested, and what it makes of the change.

use std::sync::Arc;
use std::time::SystemTime;

use futures::future::FutureExt;
use spanbridge_kafka::Message;
use spanbridge_spanner::DataChange;

use super::context::ShardContext;
use super::held_change::HeldChange;
use super::operations::{Operation, OperationResult};
use super::retry::retry;
use super::run_end::RunEnd;
use crate::transform::{ChangeMetadata, PrecedingEvents, TableTransform, change_messages};
use crate::{Error, ErrorKind};

/// Starts to prepare a transform that fits the change, and retries while a service is unavailable.
pub(super) fn request_transform(context: &ShardContext, change: Arc<DataChange>) -> Operation {
    let (pipeline, status) = (context.pipeline.clone(), context.status.clone());
    async move {
        let what = format!("schemas of table {}", change.table_name);
        let attempt = || pipeline.tables.transform_for_change(&change);
        OperationResult::Transform(retry(&pipeline, &status, &what, attempt).await)
    }
    .boxed()
}

/// Transforms a change to its messages.
///
/// # Errors
/// The reason why the change cannot be published.
pub(super) fn transform_change(
    context: &ShardContext,
    transform: &TableTransform,
    held: &HeldChange,
) -> Result<Vec<Message>, String> {
    let HeldChange { token, id, change, read, before, .. } = held;
    let pipeline = &context.pipeline;
    let preceding = pipeline.auxiliary_topics.transaction.as_ref().map(|_| PrecedingEvents {
        total: before.events,
        table: before.tables.get(&id.table).copied().unwrap_or(0),
    });
    let metadata = ChangeMetadata {
        token: &token.0,
        read: (*read).into(),
        now: SystemTime::now().into(),
        low_watermark: if pipeline.config.low_watermark { pipeline.watermark.get() } else { None },
        preceding,
    };
    change_messages(transform, pipeline.tables.source(), change, metadata)
}

/// The end of a run whose change cannot be published.
pub(super) fn end_of_invalid_change(context: &ShardContext, change: &DataChange, why: &str) -> RunEnd {
    let message = format!(
        "a change of table {} at {} (transaction {}, record {}) cannot be published: {why}",
        change.table_name, change.commit_timestamp, change.server_transaction_id, change.record_sequence
    );
    RunEnd::Failed(Error::new(ErrorKind::Record, context.pipeline.name(), message))
}
