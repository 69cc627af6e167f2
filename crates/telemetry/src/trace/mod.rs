//! Spans, and how they join other traces.
//!
//! One trace per batch. Its root links to the producers' contexts, which came in the record header
//! `traceparent`; published records carry the batch's own, or the trace that their transaction's tag names: so a
//! producer's trace leads over Spanner to the consumer. Names and attributes follow OpenTelemetry's semantic
//! conventions for [messaging](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) and
//! [databases](https://opentelemetry.io/docs/specs/semconv/database/database-spans/); what these do not know
//! begins with `spanbridge.`. No attribute holds keys, values or other contents of records or rows.
//!
//! | span | kind | made by | meaning |
//! | --- | --- | --- | --- |
//! | `ingest.batch` | consumer | [`ingest::batch`] | one batch, from the first record polled to its commit; linked to the producers |
//! | – `poll` | client | [`ingest::poll`] | records taken from Kafka |
//! | – `decode` | internal | [`ingest::decode`] | payloads decoded and mapped |
//! | – `fold` | internal | [`ingest::fold`] | records folded into row writes |
//! | – `commit` | client | [`ingest::commit`] | the Spanner commit of rows and position |
//! | `ingest.apply` | consumer | [`ingest::apply`] | in the first sampled producer's trace of a batch: its records, until they are committed; named in the commit's transaction tag |
//! | `publish.batch` | producer | [`publish::batch`] | one Kafka transaction, from the first change read to its commit |
//! | – `read` | client | [`publish::read`] | changes taken from change streams |
//! | – `transform` | internal | [`publish::transform`] | changes made into records and encoded |
//! | – `send` | producer | [`publish::send`] | records sent until all are acknowledged |
//! | – `commit` | client | [`publish::commit`] | the commit of the Kafka transaction |
//! | `publish.transaction` | producer | [`publish::transaction`] | in the trace that a Spanner transaction's tag names: its records in one Kafka transaction; named in their header |
//!
//! | attribute | type | on | meaning |
//! | --- | --- | --- | --- |
//! | `spanbridge.pipeline` | string | both roots, `ingest.apply`, `publish.transaction` | the pipeline's `name` |
//! | `spanbridge.outcome` | string | both roots | `committed`, `fenced`, `in_doubt`, `rejected`, `aborted`, `failed` |
//! | `spanbridge.shard` | int | `publish.batch` | shard of the state topic |
//! | `spanbridge.rows` | int | `fold` | row writes after folding |
//! | `spanbridge.dead_letters` | int | `ingest.batch` | records that became dead letters |
//! | `messaging.system` | string | roots, `poll`, `send`, publish's `commit` | `kafka` |
//! | `messaging.operation.type` | string | `ingest.batch` `process`, `poll` `receive`, `publish.batch` and `send` `send` | |
//! | `messaging.operation.name` | string | as above, and publish's `commit` | `ingest`, `poll`, `publish`, `send`, `commit` |
//! | `messaging.destination.name` | string | roots, `poll` | the topic, when there is only one |
//! | `messaging.destination.partition.id` | string | `ingest.batch` | the partition, when there is only one |
//! | `messaging.kafka.offset` | int | `ingest.batch` | the first offset, when there is only one partition |
//! | `messaging.consumer.group.name` | string | `ingest.batch` | the consumer group |
//! | `messaging.batch.message_count` | int | roots, `poll`, `send` | records |
//! | `db.system.name` | string | `read`, ingest's `commit` | `gcp.spanner` |
//! | `db.namespace` | string | `read`, ingest's `commit` | `projects/…/instances/…/databases/…` |
//! | `db.operation.name` | string | `read`, ingest's `commit` | `read_change_stream`, `commit` |
//! | `db.operation.batch.size` | int | ingest's `commit` | mutations in the commit |
//! | `error.type` | string | the span that failed | stable error code; the span's status is then error ([`fail`]) |
//!
//! Attributes without a value at creation are set with [`tracing::Span::record`]. Only spans whose target is
//! [`TARGET`] or below it are exported, so the Spanner client's and librdkafka's own spans stay out. Events of
//! this workspace's crates, of level info or above, become events of the span they happen in.
//!
//! # Times
//! A span starts when it is made, and ends when it was left for the last time or, if never entered, when it is
//! dropped. [`start_at`] and [`end_at`] set either, for work that was measured before its span could exist
//! (a poll that began before anybody knew that there would be a batch).

mod backdate;
mod export;
pub mod ingest;
mod layer;
pub mod publish;
mod remote;
mod span;

pub(crate) use export::pipeline;
pub(crate) use layer::layer;
pub use remote::{HEADER, RemoteContext, remote_context};
pub use span::{context, end_at, fail, link, start_at, trace_id, traceparent};

/// The `tracing` target of all spans that are exported.
pub const TARGET: &str = "spanbridge";

/// The most links that one span keeps; further ones are counted as dropped.
pub const MAX_LINKS: u32 = 64;
