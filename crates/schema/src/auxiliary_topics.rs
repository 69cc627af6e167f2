//! Records of the topics beside the data: heartbeats, watermarks, and where transactions begin and end.

use std::sync::Arc;

use spanbridge_protocol::value::{Timestamp, Type, Value};

use crate::definition::{Field, Node, Record, plain};
use crate::encode::Item;

fn required(name: &str, ty: Type) -> Field {
    Field::required(name, plain(ty))
}

fn optional(name: &str, ty: Type) -> Field {
    Field::optional(name, plain(ty))
}

/// The key and value of a topic's records.
#[derive(Debug, Clone)]
pub struct AuxiliarySchema {
    pub key: Arc<Record>,
    pub value: Arc<Record>,
}

/// A shard is alive.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a> {
    pub pipeline: &'a str,
    pub shard: u32,
    pub now: Timestamp,
    /// The shard's own: all changes of its tokens before it have been read.
    pub watermark: Option<Timestamp>,
}

/// A pipeline is complete up to there.
#[derive(Debug, Clone, Copy)]
pub struct Watermark<'a> {
    pub pipeline: &'a str,
    pub low_watermark: Timestamp,
    pub now: Timestamp,
}

/// A transaction begins or ends in one token.
#[derive(Debug, Clone)]
pub struct TransactionEvent<'a> {
    pub id: &'a str,
    /// With the number of events, and of each table; nothing at the beginning.
    pub end: Option<(u64, Vec<(String, u64)>)>,
    pub commit: Timestamp,
    pub token: &'a str,
    pub partitions: i64,
}

impl AuxiliarySchema {
    /// Of heartbeats in that topic.
    pub fn heartbeat(topic: &str) -> Self {
        let key = vec![required("name", Type::String), required("shard", Type::Int64)];
        let value = vec![required("ts_ms", Type::Int64), optional("watermark_us", Type::Int64)];
        Self::new(topic, key, value)
    }

    /// Of watermarks.
    pub fn watermark(topic: &str) -> Self {
        let value = vec![
            required("low_watermark", Type::Int64),
            required("low_watermark_us", Type::Int64),
            required("ts_ms", Type::Int64),
        ];
        Self::new(topic, vec![required("name", Type::String)], value)
    }

    /// Of transactions: Debezium's fields; an extended one has the token and the number of tokens too.
    pub fn transaction(topic: &str, extended: bool) -> Self {
        let collection =
            vec![required("data_collection", Type::String), required("event_count", Type::Int64)];
        let collection = Record::new("event.collection", Some(1), collection);
        let mut value = vec![
            required("status", Type::String),
            required("id", Type::String),
            optional("event_count", Type::Int64),
            Field::optional("data_collections", Node::Records(Arc::new(collection))),
            required("ts_ms", Type::Int64),
        ];
        if extended {
            value.push(required("partition_token", Type::String));
            value.push(required("number_of_partitions_in_transaction", Type::Int64));
        }
        Self::new(topic, vec![required("id", Type::String)], value)
    }

    fn new(topic: &str, key: Vec<Field>, value: Vec<Field>) -> Self {
        let record = |name: &str, fields| Arc::new(Record::new(&format!("{topic}.{name}"), None, fields));
        Self { key: record("Key", key), value: record("Value", value) }
    }
}

impl Heartbeat<'_> {
    /// Key and value.
    pub fn items(self) -> (Item, Item) {
        let key = vec![Item::text(self.pipeline), Item::from(i64::from(self.shard))];
        let watermark = self.watermark.map(|at| at.timestamp_micros());
        (Item::Record(key), Item::Record(vec![Item::millis(self.now), Item::from(watermark)]))
    }
}

impl Watermark<'_> {
    /// Key and value.
    pub fn items(self) -> (Item, Item) {
        let value =
            vec![Item::millis(self.low_watermark), Item::micros(self.low_watermark), Item::millis(self.now)];
        (Item::Record(vec![Item::text(self.pipeline)]), Item::Record(value))
    }
}

impl TransactionEvent<'_> {
    /// Key and value.
    pub fn items(self, extended: bool) -> (Item, Item) {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let status = if self.end.is_some() { "END" } else { "BEGIN" };
        let (events, tables) = match self.end {
            Some((events, tables)) => {
                let tables = tables
                    .into_iter()
                    .map(|(table, events)| Item::Record(vec![Item::text(table), Item::from(count(events))]));
                (Item::from(count(events)), Item::Records(tables.collect()))
            }
            None => (Item::Value(Value::Null), Item::NULL),
        };
        let mut value =
            vec![Item::text(status), Item::text(self.id), events, tables, Item::millis(self.commit)];
        if extended {
            value.push(Item::text(self.token));
            value.push(Item::from(self.partitions));
        }
        (Item::Record(vec![Item::text(self.id)]), Item::Record(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{Encoder, Encoding};

    #[test]
    fn each_format_takes_each_record() {
        let now = Timestamp::from_timestamp(2, 0).unwrap();
        let end = Some((3, vec![("T".to_owned(), 3)]));
        let event = TransactionEvent { id: "1", end, commit: now, token: "t", partitions: 1 };
        let begin = TransactionEvent { end: None, ..event.clone() };
        let cases = [
            (
                AuxiliarySchema::heartbeat("t"),
                Heartbeat { pipeline: "p", shard: 1, now, watermark: None }.items(),
            ),
            (AuxiliarySchema::watermark("t"), Watermark { pipeline: "p", low_watermark: now, now }.items()),
            (AuxiliarySchema::transaction("t", true), event.clone().items(true)),
            (AuxiliarySchema::transaction("t", false), begin.items(false)),
        ];
        for (beside, (key, value)) in cases {
            for encoding in [Encoding::Avro, Encoding::Json, Encoding::JsonSchema, Encoding::Protobuf] {
                Encoder::new(encoding, beside.key.clone()).unwrap().encode(1, key.clone()).unwrap();
                Encoder::new(encoding, beside.value.clone()).unwrap().encode(1, value.clone()).unwrap();
            }
        }
        let json = Encoder::new(Encoding::Json, AuxiliarySchema::transaction("t", false).value).unwrap();
        assert_eq!(
            json.encode(0, event.items(false).1).unwrap(),
            br#"{"status":"END","id":"1","event_count":3,"data_collections":[{"data_collection":"T","event_count":3}],"ts_ms":2000}"#
        );
    }
}
