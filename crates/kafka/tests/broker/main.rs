//! Tests against a real broker: librdkafka and Kafka behave as this crate documents.
#![allow(clippy::unwrap_used)]

mod causes;
mod producer;
mod reader;
mod security;
mod subscription;
mod support;
mod topic;
mod transaction;
