//! `spanbridge publish`: a Spanner change stream to Kafka topics, exactly once.
//!
//! This crate is a shell around [`spanbridge_protocol::publish::Shard`], which makes all decisions that exactly-once
//! delivery depends on. The crate hands it state records, change records and results, and carries out the effects that
//! it returns. The consumer group over the state topic assigns shards to workers. Each shard has one task, one
//! transactional producer and the queries of its tokens.
//!
//! A published record has its commit timestamp as the Kafka timestamp, in milliseconds, so that consumers can window
//! by the time of the change. Debezium sets the time of sending instead.
//!
//! | module | content |
//! | --- | --- |
//! | `startup` | checks the change stream, tables, topics and schemas, and builds the `Pipeline` |
//! | `service` | runs a pipeline until shutdown |
//! | `assigned_shards`, `shard` | the shards of this worker; one task each |
//! | `tables`, `transform` | how the changes of a table become messages |
//! | `auxiliary_topics`, `dead_letters` | topics besides the data |
//! | `watermark`, `watermark_reader`, `stream_monitor` | the pipeline as a whole, and its change stream |
//! | `snapshot_requests` | the interface of `spanbridge snapshot` |
//! | `schema_impact` | the interface of `spanbridge check --ddl` |
//! | `policy`, `failure`, `error` | which error has which consequence |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod assigned_shards;
mod auxiliary_topics;
mod dead_letters;
mod ensure_topic;
mod error;
mod failure;
mod memory_budget;
mod metrics;
mod pipeline;
mod policy;
mod published_table;
pub mod schema_impact;
mod service;
mod shard;
mod shard_status;
mod snapshot_requests;
mod startup;
mod stream_monitor;
mod table_filter;
mod tables;
mod transform;
mod watermark;
mod watermark_reader;

pub use error::{Error, ErrorKind};
pub use service::run;
pub use snapshot_requests::{SnapshotRequests, SnapshotStatus};
pub use startup::{StreamMismatch, stream_mismatches, unknown_names};
