//! The spans of `spanbridge ingest`. Each function creates one.

use tracing::Span;
use tracing::field::Empty;

use super::span::set_remote_parent;
use super::{RemoteContext, TARGET};

/// The name of the root span.
pub const ROOT_SPAN: &str = "ingest.batch";
/// The names of the root's child spans.
pub const CHILD_SPANS: [&str; 4] = ["poll", "decode", "fold", "commit"];

/// Starts a new trace for one batch of `pipeline`, read by the consumer group `group`.
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

/// Creates the span of a producer's trace in which its records are applied.
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
    set_remote_parent(&span, producer);
    span
}

/// Creates the span of the poll of records from Kafka.
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

/// Creates the span of decoding and mapping.
#[must_use]
pub fn decode(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "decode")
}

/// Creates the span of folding records into row writes.
#[must_use]
pub fn fold(batch: &Span) -> Span {
    tracing::info_span!(target: TARGET, parent: batch, "fold", spanbridge.rows = Empty)
}

/// Creates the span of the commit of rows and position to `database` (`projects/…/instances/…/databases/…`).
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
