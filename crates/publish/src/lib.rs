//! `spanbridge publish`: a Spanner change stream to Kafka topics, exactly once.
//!
//! A shell: what exactly-once depends on is decided by [`spanbridge_protocol::publish::Shard`],
//! which this crate feeds with state records, change records and answers, and whose effects it
//! carries out. Kafka's consumer group over the state topic says which shards this worker owns;
//! each has one task, one transactional producer and the queries of its tokens.
//!
//! A published record has the commit timestamp as its Kafka timestamp (in milliseconds), so that
//! consumers can window by when a change happened; Debezium has the time of sending there.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod assigned_shards;
mod auxiliary_topics;
mod backoff;
mod context;
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

pub use context::Context;
pub use error::{Error, ErrorKind};
pub use service::run;
pub use snapshot_requests::{SnapshotRequests, SnapshotStatus};
pub use startup::unknown_names;
