//! Kafka as Spanbridge needs it: the only crate that touches librdkafka (rdkafka 0.39, librdkafka 2.12).
//!
//! - [`Subscription`]: the group assigns partitions, the caller says where each is read from.
//! - [`TransactionalProducer`]: one Kafka transaction at a time, honest about its outcome.
//! - [`Admin`], [`Producer`], [`Reader`], [`Offsets`]: topics, plain sends, bounded reads, log ends.
//!
//! librdkafka's blocking calls run on threads of their own, never on the async runtime's.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod election;
mod error;
mod log;
mod offsets;
mod options;
mod producer;
mod reader;
mod record;
mod subscription;
mod thread;
mod transaction;

pub use admin::{Admin, Ensured};
pub use error::{Error, ErrorKind, Result};
pub use offsets::{Offsets, Watermarks};
pub use options::ClientOptions;
pub use producer::Producer;
pub use reader::{Reader, Span};
pub use record::{Header, Message, Record, TopicPartition};
pub use subscription::{Done, Event, Events, Limits, Start, Subscription, SubscriptionCounts};
pub use thread::abandoned_threads;
pub use transaction::{Committed, Transaction, TransactionalOptions, TransactionalProducer};
