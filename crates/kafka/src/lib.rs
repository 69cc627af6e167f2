//! Kafka clients for Spanbridge. This is the only crate that uses librdkafka (rdkafka 0.39, librdkafka 2.12).
//!
//! | type | what it does |
//! | --- | --- |
//! | [`Subscription`] | A member of a consumer group. The group assigns partitions; the caller chooses where each fetch starts. |
//! | [`TransactionalProducer`] | One Kafka transaction at a time. A commit succeeds only if its outcome is certain. |
//! | [`Admin`] | Creates, inspects and deletes topics. |
//! | [`Offsets`] | Queries log start and end offsets, offsets by time, and partition counts. |
//! | [`Reader`] | Reads all committed records of a topic up to its current end. |
//! | [`ClusterProbe`] | Asks what a cluster can do and what it allows. |
//! | [`Producer`] | Sends single messages, without transactions. |
//!
//! `ingest`, `publish` and the commands of `cli` call this crate. Blocking calls of librdkafka run on their
//! own threads, never on the async runtime's. The crate decides nothing about retries: each [`Error`] has an
//! [`ErrorKind`] that says what the caller may conclude.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod cluster_probe;
mod connection;
mod context;
mod election;
mod error;
mod event_queue;
mod log;
mod offsets;
mod options;
mod producer;
mod properties;
mod reader;
mod record;
mod redaction;
mod settings;
mod subscription;
mod thread;
mod transaction;

pub use admin::{Admin, EnsureTopicOutcome};
pub use cluster_probe::ClusterProbe;
pub use connection::Outage;
pub use error::{Error, ErrorKind, Result};
pub use offsets::{Offsets, Watermarks};
pub use options::ClientOptions;
pub use producer::Producer;
pub use reader::{OffsetRange, Reader};
pub use record::{Header, Message, Record, TopicPartition};
pub use subscription::{
    Event, Events, FetchStart, RevocationAck, Subscription, SubscriptionCounts, SubscriptionLimits,
};
pub use thread::abandoned_threads;
pub use transaction::{CommitReport, Transaction, TransactionalOptions, TransactionalProducer};
