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

mod backoff;
mod budget;
mod context;
mod error;
mod failure;
mod found;
mod letters;
mod meter;
mod pipeline;
mod policy;
mod progress;
mod requests;
pub mod schema_impact;
mod service;
mod shard;
mod shards;
mod sides;
mod startup;
mod status;
mod tables;
mod transform;
mod wanted;
mod watch;
mod watched;

pub use context::Context;
pub use error::{Error, ErrorKind};
pub use requests::{Requests, Standing};
pub use service::run;
pub use startup::unknown_names;
