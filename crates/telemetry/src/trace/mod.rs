//! The spans of both services, and how they join other traces.
//!
//! Each batch has one trace. Its root span links to the contexts of the producers, which the record header
//! `traceparent` carries. Published records carry the context of their batch, or that of the trace which
//! their Spanner transaction's tag names. So a producer's trace leads through Spanner to the consumer. Names
//! and attributes follow OpenTelemetry's semantic conventions for
//! [messaging](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) and
//! [databases](https://opentelemetry.io/docs/specs/semconv/database/database-spans/); names that these do not
//! define begin with `spanbridge.`. No attribute holds keys, values or other contents of records or rows.
//!
//! | span | kind | made by | meaning |
//! | --- | --- | --- | --- |
//! | `ingest.batch` | consumer | [`ingest::batch`] | one batch, from its first polled record to its commit; links to the producers |
//! | – `poll` | client | [`ingest::poll`] | the poll of records from Kafka |
//! | – `decode` | internal | [`ingest::decode`] | decoding and mapping of the payloads |
//! | – `fold` | internal | [`ingest::fold`] | folding of the records into row writes |
//! | – `commit` | client | [`ingest::commit`] | the Spanner commit of rows and position |
//! | `ingest.apply` | consumer | [`ingest::apply`] | in the trace of the first sampled producer of a batch: its records, until they are committed; the commit's transaction tag names this span |
//! | `publish.batch` | producer | [`publish::batch`] | one Kafka transaction, from its first change to its commit |
//! | – `read` | client | [`publish::read`] | the read of changes from change streams |
//! | – `transform` | internal | [`publish::transform`] | the transformation of changes into encoded records |
//! | – `send` | producer | [`publish::send`] | the sending of records, until all are acknowledged |
//! | – `commit` | client | [`publish::commit`] | the commit of the Kafka transaction |
//! | `publish.transaction` | producer | [`publish::transaction`] | in the trace that a Spanner transaction's tag names: its records in one Kafka transaction; their header names this span |
//!
//! | attribute | type | on | meaning |
//! | --- | --- | --- | --- |
//! | `spanbridge.pipeline` | string | both roots, `ingest.apply`, `publish.transaction` | the pipeline's `name` |
//! | `spanbridge.outcome` | string | both roots | `committed`, `fenced`, `in_doubt`, `rejected`, `aborted`, `failed` |
//! | `spanbridge.shard` | int | `publish.batch` | the shard: the partition of the state topic |
//! | `spanbridge.rows` | int | `fold` | the number of row writes after folding |
//! | `spanbridge.dead_letters` | int | `ingest.batch` | the number of records that became dead letters |
//! | `messaging.system` | string | roots, `poll`, `send`, publish's `commit` | `kafka` |
//! | `messaging.operation.type` | string | `ingest.batch` `process`, `poll` `receive`, `publish.batch` and `send` `send` | |
//! | `messaging.operation.name` | string | as above, and publish's `commit` | `ingest`, `poll`, `publish`, `send`, `commit` |
//! | `messaging.destination.name` | string | roots, `poll` | the topic, if there is only one |
//! | `messaging.destination.partition.id` | string | `ingest.batch` | the partition, if there is only one |
//! | `messaging.kafka.offset` | int | `ingest.batch` | the first offset, if there is only one partition |
//! | `messaging.consumer.group.name` | string | `ingest.batch` | the consumer group |
//! | `messaging.batch.message_count` | int | roots, `poll`, `send` | the number of records |
//! | `db.system.name` | string | `read`, ingest's `commit` | `gcp.spanner` |
//! | `db.namespace` | string | `read`, ingest's `commit` | `projects/…/instances/…/databases/…` |
//! | `db.operation.name` | string | `read`, ingest's `commit` | `read_change_stream`, `commit` |
//! | `db.operation.batch.size` | int | ingest's `commit` | the number of mutations in the commit |
//! | `error.type` | string | the span that failed | the stable error code; the status of the span is then error ([`fail`]) |
//!
//! Attributes without a value at creation are set with [`tracing::Span::record`]. Only spans whose target is
//! [`TARGET`] or below it are exported, so spans of the Spanner client and of librdkafka are not. Events of
//! this workspace's crates of level info or above become events of the span in which they happen.
//!
//! # Times
//! A span starts when it is created. It ends when it is exited for the last time, or when it is dropped if it
//! was never entered. [`start_at`] and [`end_at`] override these times, for work that was measured before its
//! span could exist (a poll that began before there was a batch).

mod backdate;
mod export;
pub mod ingest;
mod layer;
pub mod publish;
mod remote;
mod span;

pub(crate) use export::tracer_provider;
pub(crate) use layer::layer;
pub use remote::{RemoteContext, TRACEPARENT_HEADER, remote_context};
pub use span::{context, end_at, fail, link, start_at, trace_id, traceparent};

/// The `tracing` target of all exported spans.
pub const TARGET: &str = "spanbridge";

/// The maximum number of links of one span. Further links are counted as dropped.
pub const MAX_LINKS: u32 = 64;
