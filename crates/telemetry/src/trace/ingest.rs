//! The spans of `spanbridge ingest`.

use tracing::Span;
use tracing::field::Empty;

use super::span::follow;
use super::{RemoteContext, TARGET};

/// Name of the root span.
pub const BATCH: &str = "ingest.batch";
/// Names of the root's children.
pub const STEPS: [&str; 4] = ["poll", "decode", "fold", "commit"];

/// A new trace for one batch of `pipeline`, read by the consumer group `group`.
#[must_use]
pub fn batch(pipeline: &str, group: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "ingest.batch",
        otel.kind = "consumer",
        spanbridge.pipeline = pipeline,
        spanbridge.outcome = Empty,
        spanbridge.dead_letters = Empty,
        messaging.system = "kafka",
        messaging.operation.type = "process",
        messaging.operation.name = "ingest",
        messaging.consumer.group.name = group,
        messaging.destination.name = Empty,
        messaging.destination.partition.id = Empty,
        messaging.kafka.offset = Empty,
        messaging.batch.message_count = Empty,
    )
}

/// The part of a producer's trace in which its record is applied.
#[must_use]
pub fn apply(pipeline: &str, producer: &RemoteContext) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "ingest.apply",
        otel.kind = "consumer",
        spanbridge.pipeline = pipeline,
        messaging.system = "kafka",
    );
    follow(&span, producer);
    span
}

/// Records are taken from Kafka.
#[must_use]
pub fn poll(batch: &Span) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: batch,
        "poll",
        otel.kind = "client",
        messaging.system = "kafka",
        messaging.operation.type = "receive",
        messaging.operation.name = "poll",
        messaging.destination.name = Empty,
        messaging.batch.message_count = Empty,
    )
}

/// Payloads are decoded and mapped.
#[must_use]
pub fn decode(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "decode")
}

/// Records are folded into row writes.
#[must_use]
pub fn fold(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "fold", spanbridge.rows = Empty)
}

/// Rows and position are committed to `database` (`projects/…/instances/…/databases/…`).
#[must_use]
pub fn commit(batch: &Span, database: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: batch,
        "commit",
        otel.kind = "client",
        db.system.name = "gcp.spanner",
        db.namespace = database,
        db.operation.name = "commit",
        db.operation.batch.size = Empty,
    )
}
