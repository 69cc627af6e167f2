//! Rows as they were at one time, for a snapshot or again: tables divided into ranges, and the ranges of a shard read a
//! page at a time.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::SystemTime;

use futures::future::FutureExt;
use futures::stream::FuturesUnordered;
use spanbridge_protocol::publish::{RangeId, SnapshotRange};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::KeyRange;

use super::change_handler::size_of;
use super::end::End;
use super::operations::{Answer, Work, patiently};
use super::outgoing_message::{MessageOrigin, OutgoingMessage};
use super::run::ShardRun;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::Status;
use crate::transform::TableTransform;
use crate::{Error, ErrorKind};

/// Ranges that a shard reads at once.
const READERS: usize = 4;
/// What a page may hold; the first one is small, as nobody knows its rows yet.
const PAGE_BYTES: usize = 1 << 20;
const MAX_ROWS_PER_PAGE: usize = 1000;
const ROWS_OF_FIRST_PAGE: usize = 10;
/// Characters of a reason.
const MAX_REASON_CHARS: usize = 500;

/// The ranges of a shard that are still to be read.
#[derive(Default)]
pub(super) struct SnapshotReader {
    waiting: BTreeMap<RangeId, PendingRange>,
    reading: usize,
}

/// What is left of a range, and how many rows make a page.
struct PendingRange {
    range: SnapshotRange,
    rows: usize,
    /// By which it is read; nothing before the first page.
    plan: Option<Arc<TableTransform>>,
    /// While changes are held.
    again: bool,
}

/// Rows of a range in the order of the key.
pub(super) struct Page {
    plan: Arc<TableTransform>,
    columns: Vec<(String, Type)>,
    rows: Vec<Vec<Value>>,
    part: PendingRange,
    read: SystemTime,
}

/// Why no more of a range can be read.
pub(super) struct PageError {
    again: bool,
    table: Arc<str>,
    failure: Failure,
}

impl SnapshotReader {
    pub(super) fn add(&mut self, id: RangeId, range: SnapshotRange, again: bool) {
        self.waiting.insert(id, PendingRange { range, rows: ROWS_OF_FIRST_PAGE, plan: None, again });
    }

    /// Asks for pages, as many at a time as it may.
    pub(super) fn start(
        &mut self,
        pipeline: &Arc<Pipeline>,
        status: &Arc<Status>,
        work: &FuturesUnordered<Work>,
    ) {
        while self.reading < READERS
            && let Some((id, part)) = self.waiting.pop_first()
        {
            self.reading += 1;
            work.push(page(pipeline.clone(), status.clone(), id, part));
        }
    }
}

impl ShardRun {
    /// Hands a page in, made into messages.
    pub(super) fn page(&mut self, id: RangeId, page: Result<Page, PageError>) -> Result<(), End> {
        self.reads.reading -= 1;
        self.status.state().reason = None;
        let Page { plan, columns, rows, mut part, read } = match page {
            Ok(page) => page,
            Err(unread) => return self.unread(id, unread),
        };
        let (origin, at, full) = (self.pipeline.tables.origin(), part.range.at, rows.len() == part.rows);
        let table: Arc<str> = plan.table().into();
        let (mut data, mut size, mut last) = (Vec::with_capacity(rows.len()), 0, None);
        for row in rows {
            let made = SystemTime::now();
            let (message, key) = match plan.row(origin, at, made.into(), &columns, row, part.again) {
                Ok(made) => made,
                Err(why) => {
                    let message = format!("a row of table {table} as of {at} cannot be published: {why}");
                    let failure = Error::new(ErrorKind::Record, self.pipeline.name(), message).into();
                    return self.unread(id, PageError { again: part.again, table, failure });
                }
            };
            size += size_of(&message);
            let made_of = MessageOrigin {
                table: table.clone(),
                commit: None,
                read,
                made,
                dead_letter: false,
                trace: None,
            };
            data.push(OutgoingMessage::new(message, made_of));
            last = Some(Arc::from(key));
        }
        let (rows, now) = (data.len(), self.now());
        if let Some(first) = data.first_mut() {
            first.share = Some(self.pipeline.queued.take(size));
        }
        let mut goes_on = true;
        if let Some(last) = last {
            part.range.after = Some(Arc::clone(&last));
            goes_on = self.shard.add_rows(id, data, size, last, now);
        }
        if full && goes_on {
            part.rows = (PAGE_BYTES * rows / size.max(1)).clamp(1, MAX_ROWS_PER_PAGE);
            part.plan = Some(plan);
            self.reads.waiting.insert(id, part);
        } else if !full {
            self.shard.finish_range(id, now);
            let (pipeline, shard, left) = (self.pipeline.name(), self.index, self.shard.open_range_count());
            tracing::info!(pipeline, shard, %table, range = id.0, left, "range of rows read");
        }
        Ok(())
    }

    /// A snapshot has no way on; of a table that is read again, the rest is given up, which its request tells.
    fn unread(&mut self, id: RangeId, PageError { again, table, failure }: PageError) -> Result<(), End> {
        if !again {
            return Err(self.end(failure, "read the rows of a snapshot"));
        }
        self.pipeline.meter.failure(&failure);
        let (pipeline, shard, now) = (self.pipeline.name(), self.index, self.now());
        if failure.is_gone() {
            tracing::info!(pipeline, shard, %table, %failure, "rows kept no longer, to be read as of a later time");
            self.shard.defer_range(id, now);
        } else {
            tracing::error!(pipeline, shard, %table, %failure, "the rest of a table cannot be read again");
            self.shard.abandon_range(id, said(&failure), now);
        }
        Ok(())
    }
}

/// Chooses the snapshot's timestamp, and divides the pipeline's tables.
pub(super) fn divide(pipeline: Arc<Pipeline>) -> Work {
    async move { Answer::Divided(divided(&pipeline).await) }.boxed()
}

async fn divided(pipeline: &Pipeline) -> Result<(Timestamp, Vec<SnapshotRange>), Failure> {
    let snapshot = pipeline.database.snapshot().await?;
    let mut ranges = Vec::new();
    for table in pipeline.tables.all().await? {
        ranges.extend(pipeline.tables.divide(&table, &snapshot).await?);
    }
    let (name, at) = (pipeline.name(), snapshot.at());
    tracing::info!(pipeline = name, %at, ranges = ranges.len(), "the pipeline begins with a snapshot");
    Ok((at, ranges))
}

/// Divides a table whose rows are to be read again.
pub(super) fn divide_again(pipeline: Arc<Pipeline>, status: Arc<Status>, table: Arc<str>) -> Work {
    async move {
        let what = format!("table {table}, to be read again");
        let divided = patiently(&pipeline, &status, &what, || pipeline.tables.divide_again(&table)).await;
        let divided = divided.map_err(|failure| {
            tracing::error!(pipeline = pipeline.name(), %table, %failure, "a table cannot be read again");
            said(&failure)
        });
        Answer::TableDivided { table, divided }
    }
    .boxed()
}

/// For the state topic, in which it stays.
fn said(failure: &Failure) -> Arc<str> {
    failure.to_string().chars().take(MAX_REASON_CHARS).collect::<String>().into()
}

/// The next page; while a part is away, again and again.
fn page(pipeline: Arc<Pipeline>, status: Arc<Status>, id: RangeId, part: PendingRange) -> Work {
    async move {
        let SnapshotRange { table, at, .. } = &part.range;
        let what = format!("rows of table {table}");
        let page = match patiently(&pipeline, &status, &what, || rows(&pipeline, &part)).await {
            Ok((plan, columns, rows)) => Ok(Page { plan, columns, rows, part, read: SystemTime::now() }),
            Err(failure) if part.again => Err(PageError { again: true, table: table.clone(), failure }),
            Err(failure) => {
                let doing = format!("read table {table} as of {at}, for the snapshot");
                let failure = match failure.action() {
                    Action::Stop(_) if failure.is_gone() => gone(pipeline.name(), &doing, &failure).into(),
                    Action::Stop(kind) => {
                        let doing = format!("{doing} (tables are read as they were then)");
                        failure.stop(kind, pipeline.name(), &doing).into()
                    }
                    _ => failure,
                };
                Err(PageError { again: false, table: table.clone(), failure })
            }
        };
        Answer::Page { id, page }
    }
    .boxed()
}

/// A snapshot that came too late. No later time would do: it is of one time, and changes go on from there.
fn gone(pipeline: &str, doing: &str, failure: &Failure) -> Error {
    let message = format!(
        "{doing}: {failure}; Spanner keeps old rows for the database's version_retention_period: make it longer than the \
         snapshot takes, and begin again under another name"
    );
    Error::new(ErrorKind::Gone, pipeline, message)
}

type Rows = (Arc<TableTransform>, Vec<(String, Type)>, Vec<Vec<Value>>);

async fn rows(
    pipeline: &Pipeline,
    PendingRange { range, rows, plan, again }: &PendingRange,
) -> Result<Rows, Failure> {
    let (tables, table) = (&pipeline.tables, &range.table);
    let plan = match plan.clone().or_else(|| tables.known(table).filter(|_| !again)) {
        Some(plan) => plan,
        None if *again => tables.for_rows(table).await?,
        None => tables.read(table).await?,
    };
    let key = |key: &Option<Arc<str>>| {
        let values = key.as_deref().map(|key| plan.key_values(key)).transpose();
        values.map_err(|why| {
            let message = format!("table {}: {why}; begin a new pipeline, with another name", range.table);
            Error::new(ErrorKind::State, pipeline.name(), message)
        })
    };
    let start = key(&range.after)?.map_or(Bound::Unbounded, Bound::Excluded);
    let end = key(&range.through)?.map_or(Bound::Unbounded, Bound::Included);
    let columns = plan.read_columns();
    let snapshot = pipeline.database.snapshot_at(range.at);
    let rows = snapshot.read_page(plan.table(), &columns, KeyRange { start, end }, *rows).await?;
    Ok((plan, columns, rows))
}
