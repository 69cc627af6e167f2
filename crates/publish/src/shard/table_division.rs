//! Tables divided into ranges, for an initial or an incremental snapshot.

use std::sync::Arc;

use futures::future::FutureExt;
use spanbridge_protocol::publish::SnapshotRange;
use spanbridge_protocol::value::Timestamp;

use super::context::ShardContext;
use super::existing_topics;
use super::operations::{Operation, OperationResult};
use super::retry::retry;
use crate::failure::Failure;
use crate::pipeline::Pipeline;

/// Chooses the timestamp of an initial snapshot, and divides all tables of the pipeline. It then begins, if it may write
/// to its topics.
pub(super) fn divide_all(context: &ShardContext) -> Operation {
    let pipeline = context.pipeline.clone();
    async move { OperationResult::SnapshotDivided(all_ranges(&pipeline).await) }.boxed()
}

async fn all_ranges(pipeline: &Pipeline) -> Result<(Timestamp, Vec<SnapshotRange>), Failure> {
    existing_topics::check(pipeline).await?;
    let snapshot = pipeline.database.snapshot().await?;
    let mut ranges = Vec::new();
    for table in pipeline.tables.all().await? {
        ranges.extend(pipeline.tables.divide(&table, &snapshot).await?);
    }
    let (name, at) = (pipeline.name(), snapshot.at());
    tracing::info!(pipeline = name, %at, ranges = ranges.len(), "Pipeline starts with a snapshot");
    Ok((at, ranges))
}

/// Divides a table for an incremental snapshot. A table that cannot be divided is refused with a reason, and changes
/// continue.
pub(super) fn divide_table(context: &ShardContext, table: Arc<str>) -> Operation {
    let (pipeline, status) = (context.pipeline.clone(), context.status.clone());
    async move {
        let what = format!("table {table}, for an incremental snapshot");
        let ranges = retry(&pipeline, &status, &what, || pipeline.tables.divide_incremental(&table)).await;
        let ranges = ranges.map_err(|failure| {
            let name = pipeline.name();
            tracing::error!(pipeline = name, %table, %failure, "Incremental snapshot of a table is not possible");
            failure.short_reason()
        });
        OperationResult::TableDivided { table, ranges }
    }
    .boxed()
}
