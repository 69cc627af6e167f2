//! The spans of `spanbridge publish`. Each function creates one.

use tracing::Span;
use tracing::field::Empty;

use super::span::set_remote_parent;
use super::{RemoteContext, TARGET};

/// The name of the root span.
pub const ROOT_SPAN: &str = "publish.batch";
/// The names of the root's child spans.
pub const CHILD_SPANS: [&str; 4] = ["read", "transform", "send", "commit"];

/// Starts a new trace for one Kafka transaction of shard `shard` of `pipeline`.
#[must_use]
pub fn batch(pipeline: &str, shard: u32) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "publish.batch",
        otel.kind = "producer",
        spanbridge.pipeline = pipeline,
        spanbridge.shard = i64::from(shard),
        spanbridge.outcome = Empty,
        messaging.system = "kafka",
        messaging.operation.type = "send",
        messaging.operation.name = "publish",
        messaging.destination.name = Empty,
        messaging.batch.message_count = Empty,
    )
}

/// Creates the span in which a Spanner transaction's records are published, as a child of the span that its
/// tag names.
#[must_use]
pub fn transaction(pipeline: &str, writer: &RemoteContext) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "publish.transaction",
        otel.kind = "producer",
        spanbridge.pipeline = pipeline,
        messaging.system = "kafka",
    );
    set_remote_parent(&span, writer);
    span
}

/// Creates the span of reading change streams of `database` (`projects/…/instances/…/databases/…`).
#[must_use]
pub fn read(batch: &Span, database: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: batch,
        "read",
        otel.kind = "client",
        db.system.name = "gcp.spanner",
        db.namespace = database,
        db.operation.name = "read_change_stream",
    )
}

/// Creates the span of transforming changes into encoded records.
#[must_use]
pub fn transform(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "transform")
}

/// Creates the span of sending records, until all are acknowledged.
#[must_use]
pub fn send(batch: &Span) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: batch,
        "send",
        otel.kind = "producer",
        messaging.system = "kafka",
        messaging.operation.type = "send",
        messaging.operation.name = "send",
        messaging.batch.message_count = Empty,
    )
}

/// Creates the span of the commit of the Kafka transaction.
#[must_use]
pub fn commit(batch: &Span) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: batch,
        "commit",
        otel.kind = "client",
        messaging.system = "kafka",
        messaging.operation.name = "commit",
    )
}
