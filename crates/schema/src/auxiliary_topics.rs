//! The records of the auxiliary topics: heartbeats, watermarks, and the beginning and end of transactions.
//!
//! Publish encodes them with an [`Encoder`](crate::Encoder) for the key and one for the value. The transaction records have the
//! fields of Debezium's transaction metadata:
//! <https://debezium.io/documentation/reference/stable/connectors/spanner.html#spanner-transaction-metadata>.

use std::sync::Arc;

use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::definition::{FieldDefinition, FieldKind, FieldValue, RecordDefinition};

fn required(name: &str, ty: Type) -> FieldDefinition {
    FieldDefinition::required(name, FieldKind::plain(ty))
}

fn optional(name: &str, ty: Type) -> FieldDefinition {
    FieldDefinition::optional(name, FieldKind::plain(ty))
}

/// The definitions of the keys and values of one auxiliary topic.
#[derive(Debug, Clone)]
pub struct AuxiliarySchema {
    /// The definition of the keys.
    pub key: Arc<RecordDefinition>,
    /// The definition of the values.
    pub value: Arc<RecordDefinition>,
}

/// A heartbeat: the sign that a shard is running.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a> {
    /// The name of the pipeline.
    pub pipeline: &'a str,
    /// The number of the shard.
    pub shard: u32,
    /// The current time.
    pub now: Timestamp,
    /// The watermark of the shard: all earlier changes of its tokens have been read.
    pub watermark: Option<Timestamp>,
}

/// The low watermark of a pipeline: all earlier changes have been published.
#[derive(Debug, Clone, Copy)]
pub struct Watermark<'a> {
    /// The name of the pipeline.
    pub pipeline: &'a str,
    /// The low watermark.
    pub low_watermark: Timestamp,
    /// The current time.
    pub now: Timestamp,
}

/// The beginning or end of a transaction in one token.
#[derive(Debug, Clone)]
pub struct TransactionEvent<'a> {
    /// The id of the transaction.
    pub id: &'a str,
    /// At the end, the number of events, and the number of events per table. `None` at the beginning.
    pub end: Option<(u64, Vec<(String, u64)>)>,
    /// The commit timestamp.
    pub commit: Timestamp,
    /// The partition token.
    pub token: &'a str,
    /// The number of partitions with records of the transaction.
    pub partitions: i64,
}

impl AuxiliarySchema {
    /// The definitions of heartbeats in `topic`.
    pub fn heartbeat(topic: &str) -> Self {
        let key = vec![required("name", Type::String), required("shard", Type::Int64)];
        let value = vec![required("ts_ms", Type::Int64), optional("watermark_us", Type::Int64)];
        Self::new(topic, key, value)
    }

    /// The definitions of watermarks in `topic`.
    pub fn watermark(topic: &str) -> Self {
        let value = vec![
            required("low_watermark", Type::Int64),
            required("low_watermark_us", Type::Int64),
            required("ts_ms", Type::Int64),
        ];
        Self::new(topic, vec![required("name", Type::String)], value)
    }

    /// The definitions of transaction events in `topic`, with Debezium's fields.
    ///
    /// An extended record also has the partition token and the number of partitions.
    pub fn transaction(topic: &str, extended: bool) -> Self {
        let collection =
            vec![required("data_collection", Type::String), required("event_count", Type::Int64)];
        let collection = RecordDefinition::new("event.collection", Some(1), collection);
        let mut value = vec![
            required("status", Type::String),
            required("id", Type::String),
            optional("event_count", Type::Int64),
            FieldDefinition::optional("data_collections", FieldKind::Records(Arc::new(collection))),
            required("ts_ms", Type::Int64),
        ];
        if extended {
            value.push(required("partition_token", Type::String));
            value.push(required("number_of_partitions_in_transaction", Type::Int64));
        }
        Self::new(topic, vec![required("id", Type::String)], value)
    }

    fn new(topic: &str, key: Vec<FieldDefinition>, value: Vec<FieldDefinition>) -> Self {
        let record =
            |name: &str, fields| Arc::new(RecordDefinition::new(&format!("{topic}.{name}"), None, fields));
        Self { key: record("Key", key), value: record("Value", value) }
    }
}

impl Heartbeat<'_> {
    /// The key and the value of the record.
    pub fn into_key_and_value(self) -> (FieldValue, FieldValue) {
        let key = vec![FieldValue::text(self.pipeline), FieldValue::from(i64::from(self.shard))];
        let watermark = self.watermark.map(|at| at.timestamp_micros());
        (
            FieldValue::Record(key),
            FieldValue::Record(vec![FieldValue::millis(self.now), FieldValue::from(watermark)]),
        )
    }
}

impl Watermark<'_> {
    /// The key and the value of the record.
    pub fn into_key_and_value(self) -> (FieldValue, FieldValue) {
        let value = vec![
            FieldValue::millis(self.low_watermark),
            FieldValue::micros(self.low_watermark),
            FieldValue::millis(self.now),
        ];
        (FieldValue::Record(vec![FieldValue::text(self.pipeline)]), FieldValue::Record(value))
    }
}

impl TransactionEvent<'_> {
    /// The key and the value of the record.
    pub fn into_key_and_value(self, extended: bool) -> (FieldValue, FieldValue) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let status = if self.end.is_some() { "END" } else { "BEGIN" };
        let (events, tables) = match self.end {
            Some((events, tables)) => {
                let tables = tables.into_iter().map(|(table, events)| {
                    FieldValue::Record(vec![FieldValue::text(table), FieldValue::from(count(events))])
                });
                (FieldValue::from(count(events)), FieldValue::Records(tables.collect()))
            }
            None => (FieldValue::Value(Value::Null), FieldValue::NULL),
        };
        let mut value = vec![
            FieldValue::text(status),
            FieldValue::text(self.id),
            events,
            tables,
            FieldValue::millis(self.commit),
        ];
        if extended {
            value.push(FieldValue::text(self.token));
            value.push(FieldValue::from(self.partitions));
        }
        (FieldValue::Record(vec![FieldValue::text(self.id)]), FieldValue::Record(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Encoder, Encoding};

    #[test]
    fn every_record_is_encoded_in_every_encoding() {
        let now = Timestamp::from_timestamp(2, 0).unwrap();
        let end = Some((3, vec![("T".to_owned(), 3)]));
        let event = TransactionEvent { id: "1", end, commit: now, token: "t", partitions: 1 };
        let begin = TransactionEvent { end: None, ..event.clone() };
        let cases = [
            (
                AuxiliarySchema::heartbeat("t"),
                Heartbeat { pipeline: "p", shard: 1, now, watermark: None }.into_key_and_value(),
            ),
            (
                AuxiliarySchema::watermark("t"),
                Watermark { pipeline: "p", low_watermark: now, now }.into_key_and_value(),
            ),
            (AuxiliarySchema::transaction("t", true), event.clone().into_key_and_value(true)),
            (AuxiliarySchema::transaction("t", false), begin.into_key_and_value(false)),
        ];
        for (definitions, (key, value)) in cases {
            for encoding in [Encoding::Avro, Encoding::Json, Encoding::JsonSchema, Encoding::Protobuf] {
                Encoder::new(encoding, definitions.key.clone()).unwrap().encode(1, key.clone()).unwrap();
                Encoder::new(encoding, definitions.value.clone()).unwrap().encode(1, value.clone()).unwrap();
            }
        }
        let json = Encoder::new(Encoding::Json, AuxiliarySchema::transaction("t", false).value).unwrap();
        assert_eq!(
            json.encode(0, event.into_key_and_value(false).1).unwrap(),
            br#"{"status":"END","id":"1","event_count":3,"data_collections":[{"data_collection":"T","event_count":3}],"ts_ms":2000}"#
        );
    }
}
