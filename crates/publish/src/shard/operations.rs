//! The asynchronous operations that a shard has running while its loop continues.
//!
//! A component starts an operation as a separate future; the loop hands the result back to that component. At most
//! one operation of a kind runs at a time, except for pages of a snapshot.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use spanbridge_kafka::{CommitReport, Error as KafkaError, TransactionalProducer};
use spanbridge_protocol::publish::{RangeId, SnapshotRange, Token};
use spanbridge_protocol::value::Timestamp;

use super::snapshot_page::{Page, PageError};
use super::transaction_report::TransactionReport;
use crate::Error;
use crate::failure::Failure;
use crate::transform::TableTransform;

/// A running operation.
pub(super) type Operation = BoxFuture<'static, OperationResult>;

/// All running operations of a shard.
pub(super) type Operations = FuturesUnordered<Operation>;

/// The result of an operation, by its kind.
pub(super) enum OperationResult {
    /// The state partition is read from its start, in the fetch with this generation.
    StateFetchStarted(Result<u64, KafkaError>),
    /// The previous owner is fenced.
    ProducerInitialised(Result<TransactionalProducer, KafkaError>),
    /// A Kafka transaction has ended.
    Committed {
        result: Result<(TransactionalProducer, CommitReport), KafkaError>,
        report: Box<TransactionReport>,
    },
    /// The tokens that the change stream has at this timestamp.
    RootTokens(Result<(Timestamp, Vec<Token>), Failure>),
    /// The transform of the table whose change waits.
    Transform(Result<Arc<TableTransform>, Failure>),
    /// The error to stop with, after a token's query was refused for good.
    RefusedQuery(Error),
    /// The ranges of an initial snapshot and its timestamp.
    SnapshotDivided(Result<(Timestamp, Vec<SnapshotRange>), Failure>),
    /// The ranges of a table of an incremental snapshot, or the reason why there are none.
    TableDivided { table: Arc<str>, ranges: Result<Vec<SnapshotRange>, Arc<str>> },
    /// A page of rows of a range.
    Page { id: RangeId, page: Result<Page, PageError> },
}
