use std::time::{Duration, Instant};

use apache_avro::types::Value as Avro;
use serde_json::{Map, Value as Json, json};
use spanbridge_kafka::{ErrorKind, Reader, Record};
use spanbridge_schema::Decoder;

use crate::worker::LIMIT;
use crate::world::World;

/// A record as a consumer sees it.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) key: Json,
    /// Null for a tombstone.
    pub(crate) value: Json,
    pub(crate) timestamp_ms: i64,
}

/// The committed records, by partition and offset; none of a topic that is not there yet.
pub(crate) async fn records(world: &World, topic: &str) -> Vec<Record> {
    let (reader, end) = (Reader::new(&world.kafka, LIMIT).unwrap(), Instant::now() + LIMIT);
    loop {
        match reader.read_to_end(topic).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            // A new topic has no leader yet.
            Err(error) if error.kind() == ErrorKind::Unavailable && Instant::now() < end => {}
            records => return records.unwrap(),
        }
    }
}

/// The same, decoded.
pub(crate) async fn read(world: &World, topic: &str) -> Vec<Read> {
    let decoder = Decoder::new(world.registry.clone());
    let mut read = Vec::new();
    for record in records(world, topic).await {
        let key = printed(&decoder.decode(&record.key.unwrap()).await.unwrap().value);
        let value = match record.value {
            Some(value) => printed(&decoder.decode(&value).await.unwrap().value),
            None => Json::Null,
        };
        read.push(Read { key, value, timestamp_ms: record.timestamp_ms.unwrap() });
    }
    read
}

/// The same, once there are at least so many.
pub(crate) async fn await_records(world: &World, topic: &str, count: usize) -> Vec<Read> {
    let end = Instant::now() + LIMIT;
    loop {
        let found = records(world, topic).await.len();
        if found >= count {
            return read(world, topic).await;
        }
        assert!(Instant::now() < end, "{found} of {count} records after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn printed(value: &Avro) -> Json {
    match value {
        Avro::Null => Json::Null,
        Avro::Boolean(value) => json!(value),
        Avro::Int(value) => json!(value),
        Avro::Long(value) => json!(value),
        Avro::String(value) => json!(value),
        Avro::Union(_, value) => printed(value),
        Avro::Record(fields) => Json::Object(
            fields.iter().map(|(name, value)| (name.clone(), printed(value))).collect::<Map<_, _>>(),
        ),
        other => panic!("the tests have no {other:?}"),
    }
}
