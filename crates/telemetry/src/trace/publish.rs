//! The spans of `spanbridge publish`.

use tracing::Span;
use tracing::field::Empty;

use super::span::follow;
use super::{RemoteContext, TARGET};

/// Name of the root span.
pub const BATCH: &str = "publish.batch";
/// Names of the root's children.
pub const STEPS: [&str; 4] = ["read", "transform", "send", "commit"];

/// A new trace for one Kafka transaction of `pipeline`'s shard `shard`.
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

/// The part of the trace that a Spanner transaction's tag names in which its records are published.
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
    follow(&span, writer);
    span
}

/// Changes are taken from change streams of `database` (`projects/…/instances/…/databases/…`).
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

/// Changes are made into records and encoded.
#[must_use]
pub fn transform(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "transform")
}

/// Records are sent until all are acknowledged.
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

/// The Kafka transaction is committed.
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
