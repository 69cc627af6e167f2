use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};
use spanbridge_kafka::{ErrorKind, Reader, Record};
use spanbridge_schema::{Datum, Decoder, Format};

use crate::worker::LIMIT;
use crate::world::World;

/// A decoded record.
#[derive(Debug, Clone)]
pub(crate) struct DecodedRecord {
    pub(crate) key: Json,
    /// Null for a tombstone.
    pub(crate) value: Json,
    pub(crate) timestamp_ms: i64,
}

/// The committed records by partition and offset; empty if the topic does not exist yet.
pub(crate) async fn records(world: &World, topic: &str) -> Vec<Record> {
    let end = Instant::now() + LIMIT;
    loop {
        match Reader::new(&world.kafka, LIMIT).unwrap().read_to_end(topic).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            // librdkafka replaces its connection to the address of the file by one to the broker that it finds there.
            Err(error) if error.kind() == ErrorKind::Unavailable && Instant::now() < end => {
                println!("{topic}: {error}");
            }
            records => return records.unwrap(),
        }
    }
}

/// The committed records, decoded from Avro.
pub(crate) async fn read(world: &World, topic: &str) -> Vec<DecodedRecord> {
    read_as(world, topic, Format::Avro).await
}

/// The committed records, decoded from the format.
pub(crate) async fn read_as(world: &World, topic: &str, format: Format) -> Vec<DecodedRecord> {
    let decoder = Decoder::new(format, world.registry.clone());
    let mut read = Vec::new();
    for record in records(world, topic).await {
        let key = to_json(&decoder.decode(&record.key.unwrap()).await.unwrap().value);
        let value = match record.value {
            Some(value) => to_json(&decoder.decode(&value).await.unwrap().value),
            None => Json::Null,
        };
        read.push(DecodedRecord { key, value, timestamp_ms: record.timestamp_ms.unwrap() });
    }
    read
}

/// Waits for so many records, and decodes them from Avro.
pub(crate) async fn await_records(world: &World, topic: &str, count: usize) -> Vec<DecodedRecord> {
    await_count(world, topic, count).await;
    read(world, topic).await
}

/// Waits until the topic has at least so many records.
pub(crate) async fn await_count(world: &World, topic: &str, count: usize) {
    let end = Instant::now() + LIMIT;
    loop {
        let published = records(world, topic).await.len();
        if published >= count {
            return;
        }
        assert!(Instant::now() < end, "{published} of {count} records after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn to_json(value: &Datum) -> Json {
    match value {
        Datum::Null => Json::Null,
        Datum::Bool(value) => json!(value),
        Datum::Int(value) => json!(value),
        Datum::String(value) => json!(value),
        Datum::Decimal(value) => json!(value.to_string()),
        Datum::Date(days) => json!(days),
        Datum::List(items) => items.iter().map(to_json).collect(),
        Datum::Map(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<Map<_, _>>().into()
        }
        Datum::Record(record) => Json::Object(
            record.fields().map(|(name, value)| (name.to_owned(), to_json(value))).collect::<Map<_, _>>(),
        ),
        other => panic!("the tests have no {other:?}"),
    }
}
