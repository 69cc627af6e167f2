use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use spanbridge_kafka::{Record, TopicPartition};
use spanbridge_protocol::ingest::{Partition, Payload};
use spanbridge_protocol::value::Timestamp;
use spanbridge_telemetry::trace;

/// The record that a change came from, kept for its dead letter until the commit.
pub(super) struct Source(pub(super) Record);

impl Payload for Source {
    fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.0.value.as_deref()
    }

    fn headers(&self) -> Option<String> {
        let pair = |(name, value): &(String, Option<Vec<u8>>)| {
            serde_json::json!([name, value.as_ref().map(|value| STANDARD.encode(value))])
        };
        let headers: Vec<_> = self.0.headers.iter().map(pair).collect();
        (!headers.is_empty()).then(|| serde_json::Value::Array(headers).to_string())
    }

    fn timestamp(&self) -> Option<Timestamp> {
        self.0.timestamp_ms.and_then(Timestamp::from_timestamp_millis)
    }

    fn trace_id(&self) -> Option<String> {
        traceparent(&self.0).map(|context| context.trace_id())
    }
}

/// The producer's trace context.
pub(super) fn traceparent(record: &Record) -> Option<trace::RemoteContext> {
    let header = record.headers.iter().find(|(name, _)| name == trace::TRACEPARENT_HEADER)?;
    trace::remote_context(header.1.as_deref()?)
}

pub(super) fn partition(tp: &TopicPartition) -> Partition {
    Partition { topic: tp.topic.clone(), number: tp.partition }
}
