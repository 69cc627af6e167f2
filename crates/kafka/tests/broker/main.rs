//! Against a real broker: what librdkafka and Kafka really do is what these types promise.
#![allow(clippy::unwrap_used)]

mod part;
mod producer;
mod reader;
mod subscription;
mod topic;
mod transaction;
