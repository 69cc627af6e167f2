//! One page of rows as they were at a timestamp, read by key range.

use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use spanbridge_protocol::publish::SnapshotRange;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::KeyRange;

use super::retry::retry;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::SharedShardStatus;
use crate::transform::{TableTransform, key_values, read_columns};
use crate::{Error, ErrorKind};

/// The rest of a range, and how much of it the next page takes.
pub(super) struct PendingRange {
    pub(super) range: SnapshotRange,
    /// Rows of the next page.
    pub(super) page_rows: usize,
    /// The transform of the range's rows; `None` before the first page.
    pub(super) transform: Option<Arc<TableTransform>>,
    /// True for a range of an incremental snapshot, which is read while changes wait at a barrier.
    pub(super) is_incremental: bool,
}

/// The rows of a page in the order of their keys.
pub(super) struct Page {
    pub(super) transform: Arc<TableTransform>,
    pub(super) columns: Vec<(String, Type)>,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) pending: PendingRange,
    /// When the page was read.
    pub(super) read: SystemTime,
}

/// Why the rest of a range cannot be read.
pub(super) struct PageError {
    pub(super) is_incremental: bool,
    pub(super) table: Arc<str>,
    pub(super) failure: Failure,
}

/// Reads the next page of a range, and retries while a service is unavailable.
pub(super) async fn read_page(
    pipeline: &Pipeline,
    status: &SharedShardStatus,
    pending: PendingRange,
) -> Result<Page, PageError> {
    let SnapshotRange { table, at, .. } = &pending.range;
    let what = format!("rows of table {table}");
    match retry(pipeline, status, &what, || read_rows(pipeline, &pending)).await {
        Ok((transform, columns, rows)) => {
            Ok(Page { transform, columns, rows, pending, read: SystemTime::now() })
        }
        Err(failure) if pending.is_incremental => {
            Err(PageError { is_incremental: true, table: table.clone(), failure })
        }
        Err(failure) => {
            let doing = format!("read table {table} as of {at}, for the snapshot");
            let failure = match failure.action() {
                Action::Stop(_) if failure.is_snapshot_expired() => {
                    expired(pipeline.name(), &doing, &failure).into()
                }
                Action::Stop(kind) => {
                    let doing = format!("{doing} (tables are read as they were then)");
                    failure.stop(kind, pipeline.name(), &doing).into()
                }
                _ => failure,
            };
            Err(PageError { is_incremental: false, table: table.clone(), failure })
        }
    }
}

/// The error of an initial snapshot whose timestamp is older than `version_retention_period`. A later timestamp is no
/// substitute: the snapshot is of one timestamp, and changes continue from there.
fn expired(pipeline: &str, doing: &str, failure: &Failure) -> Error {
    let message = format!(
        "{doing}: {failure}; Spanner keeps old rows for the database's version_retention_period: make it longer than the \
         snapshot takes, and start again with a pipeline of another name"
    );
    Error::new(ErrorKind::SnapshotExpired, pipeline, message)
}

type Rows = (Arc<TableTransform>, Vec<(String, Type)>, Vec<Vec<Value>>);

async fn read_rows(pipeline: &Pipeline, pending: &PendingRange) -> Result<Rows, Failure> {
    let PendingRange { range, page_rows, transform, is_incremental } = pending;
    let (tables, table) = (&pipeline.tables, &range.table);
    let transform =
        match transform.clone().or_else(|| tables.known_transform(table).filter(|_| !is_incremental)) {
            Some(transform) => transform,
            None if *is_incremental => tables.transform_for_rows(table).await?,
            None => tables.load(table).await?,
        };
    let key = |key: &Option<Arc<str>>| {
        let values = key.as_deref().map(|key| key_values(&transform, key)).transpose();
        values.map_err(|why| {
            let message = format!("table {}: {why}; start a new pipeline, with another name", range.table);
            Error::new(ErrorKind::State, pipeline.name(), message)
        })
    };
    let start = key(&range.after)?.map_or(Bound::Unbounded, Bound::Excluded);
    let end = key(&range.through)?.map_or(Bound::Unbounded, Bound::Included);
    let columns = read_columns(&transform);
    let snapshot = pipeline.database.snapshot_at(range.at);
    let rows = snapshot.read_page(transform.table(), &columns, KeyRange { start, end }, *page_rows).await?;
    Ok((transform, columns, rows))
}
