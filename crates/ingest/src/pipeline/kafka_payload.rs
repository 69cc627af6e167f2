use spanbridge_kafka::{Record, TopicPartition};
use spanbridge_protocol::ingest::{Partition, Payload};
use spanbridge_protocol::value::Timestamp;
use spanbridge_telemetry::trace;

use crate::dead_letters::encode_headers;

/// The record of a change, which is kept until the commit in case it becomes a dead letter.
pub(super) struct KafkaPayload(pub(super) Record);

impl Payload for KafkaPayload {
    fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.value.as_deref()
    }

    fn headers(&self) -> Option<String> {
        encode_headers(&self.0.headers)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        self.0.timestamp_ms.and_then(Timestamp::from_timestamp_millis)
    }

    fn trace_id(&self) -> Option<String> {
        traceparent(&self.0).map(|context| context.trace_id())
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
