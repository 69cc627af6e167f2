//! The ranges of a shard's snapshot, read page by page and handed to the state machine as messages.
//!
//! The state machine owns the progress of each range. This component reads several ranges at a time, and resumes one
//! behind the last key that the state machine has accepted. "Rows with their range" (docs/design/publish-snapshots.md).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures::future::FutureExt;
use spanbridge_protocol::publish::{RangeId, SnapshotRange};

use super::context::ShardContext;
use super::operations::{OperationResult, Operations};
use super::outgoing_message::{Machine, MessageOrigin, OutgoingMessage, message_size};
use super::run_end::RunEnd;
use super::snapshot_page::{Page, PageError, PendingRange, read_page};
use crate::transform::snapshot_message;
use crate::{Error, ErrorKind};

/// Pages that a shard reads at a time, each of another range.
const MAX_CONCURRENT_PAGES: usize = 4;
/// The intended size of a page, in bytes.
const PAGE_BYTES: usize = 1 << 20;
const MAX_ROWS_PER_PAGE: usize = 1000;
/// The first page of a range is small because the size of its rows is unknown.
const ROWS_OF_FIRST_PAGE: usize = 10;

/// The ranges of a shard that are still to be read.
pub(super) struct SnapshotReader {
    context: ShardContext,
    waiting: BTreeMap<RangeId, PendingRange>,
    /// Pages that are being read.
    reading: usize,
}

impl SnapshotReader {
    pub(super) fn new(context: ShardContext) -> Self {
        Self { context, waiting: BTreeMap::new(), reading: 0 }
    }

    /// Adds a range, or the rest of one.
    pub(super) fn add(&mut self, id: RangeId, range: SnapshotRange, is_incremental: bool) {
        let page_rows = ROWS_OF_FIRST_PAGE;
        self.waiting.insert(id, PendingRange { range, page_rows, transform: None, is_incremental });
    }

    /// Starts to read pages, as many as may be read at a time.
    pub(super) fn start_pages(&mut self, operations: &Operations) {
        while self.reading < MAX_CONCURRENT_PAGES
            && let Some((id, pending)) = self.waiting.pop_first()
        {
            self.reading += 1;
            let (pipeline, status) = (self.context.pipeline.clone(), self.context.status.clone());
            let page = async move {
                OperationResult::Page { id, page: read_page(&pipeline, &status, pending).await }
            };
            operations.push(page.boxed());
        }
    }

    /// Transforms a page, hands it in, and keeps the rest of its range for the next page.
    pub(super) fn page(
        &mut self,
        id: RangeId,
        page: Result<Page, PageError>,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        self.reading -= 1;
        self.context.status.lock().reason = None;
        let Page { transform, columns, rows, mut pending, read } = match page {
            Ok(page) => page,
            Err(error) => return self.page_failed(id, error, machine),
        };
        let pipeline = self.context.pipeline.clone();
        let (at, is_full) = (pending.range.at, rows.len() == pending.page_rows);
        let table: Arc<str> = transform.table().into();
        let (mut data, mut size, mut last_key) = (Vec::with_capacity(rows.len()), 0, None);
        for row in rows {
            let now = SystemTime::now();
            let source = pipeline.tables.source();
            let message =
                snapshot_message(&transform, source, at, now.into(), &columns, row, pending.is_incremental);
            let (message, key) = match message {
                Ok(message) => message,
                Err(why) => {
                    let message = format!("a row of table {table} as of {at} cannot be published: {why}");
                    let failure = Error::new(ErrorKind::Record, pipeline.name(), message).into();
                    let is_incremental = pending.is_incremental;
                    return self.page_failed(id, PageError { is_incremental, table, failure }, machine);
                }
            };
            size += message_size(&message);
            let origin = MessageOrigin {
                table: table.clone(),
                commit: None,
                read,
                transformed: now,
                is_dead_letter: false,
                trace: None,
            };
            data.push(OutgoingMessage::new(message, origin));
            last_key = Some(Arc::from(key));
        }
        let (rows, now) = (data.len(), self.context.now());
        if let Some(first) = data.first_mut() {
            first.reservation = Some(pipeline.queued.reserve(size));
        }
        let mut is_continued = true;
        if let Some(last_key) = last_key {
            pending.range.after = Some(Arc::clone(&last_key));
            is_continued = machine.add_rows(id, data, size, last_key, now);
        }
        if is_full && is_continued {
            pending.page_rows = (PAGE_BYTES * rows / size.max(1)).clamp(1, MAX_ROWS_PER_PAGE);
            pending.transform = Some(transform);
            self.waiting.insert(id, pending);
        } else if !is_full {
            machine.finish_range(id, now);
            let (pipeline, shard, left) = (pipeline.name(), self.context.index, machine.open_range_count());
            tracing::info!(pipeline, shard, %table, range = id.0, left, "Snapshot range finished");
        }
        Ok(())
    }

    /// An initial snapshot cannot continue without the range. An incremental snapshot skips the rest of the table, and
    /// its request reports that; rows whose old versions have expired are read as of a later timestamp.
    fn page_failed(
        &self,
        id: RangeId,
        PageError { is_incremental, table, failure }: PageError,
        machine: &mut Machine,
    ) -> Result<(), RunEnd> {
        if !is_incremental {
            return Err(self.context.end_of(failure, "read the rows of a snapshot"));
        }
        self.context.pipeline.metrics.failure(&failure);
        let (pipeline, shard, now) = (self.context.pipeline.name(), self.context.index, self.context.now());
        if failure.is_snapshot_expired() {
            tracing::info!(pipeline, shard, %table, %failure, "Snapshot timestamp expired; a later one follows");
            machine.defer_range(id, now);
        } else {
            tracing::error!(pipeline, shard, %table, %failure, "Incremental snapshot of a table failed");
            machine.abandon_range(id, failure.short_reason(), now);
        }
        Ok(())
    }
}
