//! What a shard waits for while it goes on: each runs as a future of its own, at most one of a kind.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use spanbridge_kafka::{Committed, Error as KafkaError, Start, TransactionalOptions, TransactionalProducer};
use spanbridge_protocol::publish::{RangeId, SnapshotRange, Token};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, DataChange, Database};

use super::outgoing_message::TransactionReport;
use super::snapshot_reader::{Page, PageError};
use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::Status;
use crate::transform::TableTransform;
use crate::{Error, stream_monitor};

/// The coordinator aborts a transaction that is open for longer, unless the file's `transaction.timeout.ms` says
/// otherwise.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
/// One init or commit.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// The root query, which Spanner ends by itself.
const ROOTS_LIMIT: Duration = Duration::from_secs(60);
/// While the registry, Spanner or Kafka is away.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// What came of it.
pub(super) enum Answer {
    Fetching(Result<u64, KafkaError>),
    Initialised(Result<TransactionalProducer, KafkaError>),
    Committed {
        result: Result<(TransactionalProducer, Committed), KafkaError>,
        batch: Box<TransactionReport>,
    },
    Roots(Result<(Timestamp, Vec<Token>), Failure>),
    TableTransform(Result<Arc<TableTransform>, Failure>),
    Explained(Error),
    Divided(Result<(Timestamp, Vec<SnapshotRange>), Failure>),
    TableDivided {
        table: Arc<str>,
        divided: Result<Vec<SnapshotRange>, Arc<str>>,
    },
    Page {
        id: RangeId,
        page: Result<Page, PageError>,
    },
}

pub(super) type Work = BoxFuture<'static, Answer>;

/// SnapshotReader the shard's partition from its start. Fails when the group does not assign it any more, so that nobody
/// is fenced who owns it by right.
pub(super) fn fetch(pipeline: Arc<Pipeline>, shard: u32, pause: Duration) -> Work {
    async move {
        tokio::time::sleep(pause).await;
        let partition = pipeline.partition(shard);
        Answer::Fetching(pipeline.subscription.fetch_from(&partition, Start::Beginning).await)
    }
    .boxed()
}

pub(super) fn init(pipeline: Arc<Pipeline>, shard: u32) -> Work {
    async move { Answer::Initialised(producer(&pipeline, shard).await) }.boxed()
}

async fn producer(pipeline: &Pipeline, shard: u32) -> Result<TransactionalProducer, KafkaError> {
    let timeout = pipeline.kafka.milliseconds("transaction.timeout.ms")?.unwrap_or(TRANSACTION_TIMEOUT);
    let options = TransactionalOptions {
        transactional_id: format!("{}-{shard}", pipeline.name()),
        transaction_timeout: timeout,
        operation_timeout: OPERATION_TIMEOUT.min(timeout),
    };
    TransactionalProducer::init(&pipeline.kafka, &options).await
}

pub(super) fn commit(
    producer: TransactionalProducer,
    transaction: spanbridge_kafka::Transaction,
    batch: Box<TransactionReport>,
) -> Work {
    async move { Answer::Committed { result: producer.commit(transaction).await, batch } }.boxed()
}

/// The tokens that the change stream has at `start`, or now.
pub(super) fn roots(pipeline: Arc<Pipeline>, start: Option<Timestamp>) -> Work {
    async move {
        let query = query_roots(&pipeline.database, &pipeline, start);
        let roots = tokio::time::timeout(ROOTS_LIMIT, query).await;
        Answer::Roots(roots.unwrap_or_else(|_| {
            Err(Failure::Unclear(format!("the root query has not ended within {ROOTS_LIMIT:?}")))
        }))
    }
    .boxed()
}

async fn query_roots(
    database: &Database,
    pipeline: &Pipeline,
    start: Option<Timestamp>,
) -> Result<(Timestamp, Vec<Token>), Failure> {
    let start = match start {
        Some(start) => start,
        None => database.now().await?,
    };
    let mut changes = database.changes(&pipeline.change_stream, None, start, None, pipeline.config.heartbeat);
    let mut roots = Vec::new();
    while let Some(record) = changes.next().await {
        if let ChangeRecord::Children(children) = record? {
            roots.extend(children.children.into_iter().map(|child| Token(child.token.into())));
        }
    }
    if roots.is_empty() {
        return Err(Failure::Unclear("the root query has told of no tokens".to_owned()));
    }
    tracing::info!(pipeline = pipeline.name(), %start, tokens = roots.len(), "the pipeline begins");
    Ok((start, roots))
}

/// Why a token's query was refused for good.
pub(super) fn explain(
    pipeline: Arc<Pipeline>,
    token: Token,
    frontier: Option<Timestamp>,
    failure: Failure,
) -> Work {
    async move { Answer::Explained(stream_monitor::explained(&pipeline, token.short(), frontier, failure).await) }
        .boxed()
}

/// A plan that fits the change; while the registry, Spanner or Kafka is away, again and again.
pub(super) fn plan(pipeline: Arc<Pipeline>, change: Arc<DataChange>, status: Arc<Status>) -> Work {
    async move {
        let what = format!("schemas of table {}", change.table_name);
        Answer::TableTransform(
            patiently(&pipeline, &status, &what, || pipeline.tables.fitting(&change)).await,
        )
    }
    .boxed()
}

/// What the attempt comes to; again and again, and told in the status, until it succeeds or only a person can help.
pub(super) async fn patiently<T, F>(
    pipeline: &Pipeline,
    status: &Status,
    what: &str,
    attempt: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut pauses = PAUSES;
    loop {
        let failure = match attempt().await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        if let Action::Stop(_) = failure.action() {
            return Err(failure);
        }
        pipeline.meter.failure(&failure);
        let pause = pauses.pause();
        tracing::warn!(pipeline = pipeline.name(), what, %failure, ?pause, "a part is away, to be tried again");
        status.state().reason = Some(format!("{what}: {failure}"));
        tokio::time::sleep(pause).await;
    }
}
