use std::sync::Arc;

use spanbridge_kafka::{Record, TopicPartition};
use spanbridge_protocol::ingest::{Digest, Partition, Payload, StoredPayload};
use spanbridge_protocol::value::Timestamp;
use spanbridge_telemetry::trace;

use crate::dead_letters::DeadLetterProtection;
use crate::record_digest::record_digest;

/// The record of a change, which is kept until the commit for its fingerprint, and in case it becomes a dead letter.
pub(super) struct KafkaPayload {
    pub(super) record: Record,
    pub(super) protection: Arc<DeadLetterProtection>,
}

impl Payload for KafkaPayload {
    fn digest(&self) -> Digest {
        record_digest(&self.record)
    }

    fn stored(&self) -> StoredPayload {
        self.protection.protect(&self.record)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        self.record.timestamp_ms.and_then(Timestamp::from_timestamp_millis)
    }

    fn trace_id(&self) -> Option<String> {
        traceparent(&self.record).map(|context| context.trace_id())
    }
}

/// Returns the producer's trace context.
pub(super) fn traceparent(record: &Record) -> Option<trace::RemoteContext> {
    let header = record.headers.iter().find(|(name, _)| name == trace::TRACEPARENT_HEADER)?;
    trace::remote_context(header.1.as_deref()?)
}

/// Returns the partition of a Kafka event.
pub(super) fn partition(tp: &TopicPartition) -> Partition {
    Partition { topic: tp.topic.clone(), number: tp.partition }
}
