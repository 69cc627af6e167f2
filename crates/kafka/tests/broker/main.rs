//! Tests against a real broker: librdkafka and Kafka behave as this crate documents.
#![allow(clippy::unwrap_used)]

mod producer;
mod reader;
mod subscription;
mod support;
mod topic;
mod transaction;
