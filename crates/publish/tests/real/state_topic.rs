//! Reads and writes state records, as a worker has left them.

use spanbridge_config::Config;
use spanbridge_kafka::{Admin, Message, Producer};
use spanbridge_protocol::publish::{Origin, StateKey, StateValue};

use crate::topic;
use crate::worker::LIMIT;
use crate::world::World;

/// The origin record of the pipeline.
pub(crate) async fn origin(world: &World, config: &Config) -> Origin {
    let records = topic::records(world, &config.publish[0].state_topic()).await;
    let is_origin = |key: &[u8]| serde_json::from_slice::<StateKey>(key).unwrap() == StateKey::Origin;
    let record = records.into_iter().find(|record| record.key.as_deref().is_some_and(is_origin));
    match serde_json::from_slice(&record.unwrap().value.unwrap()).unwrap() {
        StateValue::Origin(origin) => origin,
        other => panic!("not an origin: {other:?}"),
    }
}

/// Creates the state topic and writes records of shard 0, the only shard.
pub(crate) async fn write(world: &World, config: &Config, records: Vec<(StateKey, StateValue)>) {
    let topic = config.publish[0].state_topic();
    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    admin.ensure_topic(&topic, 1, 1, &[("cleanup.policy", "compact")]).await.unwrap();
    let producer = Producer::new(&world.kafka, LIMIT).unwrap();
    for (key, value) in records {
        let message = Message {
            topic: topic.as_str().into(),
            partition: Some(0),
            key: Some(serde_json::to_vec(&key).unwrap()),
            value: Some(serde_json::to_vec(&value).unwrap()),
            headers: Vec::new(),
            timestamp_ms: None,
        };
        producer.send(&message).await.unwrap();
    }
    producer.flush().await.unwrap();
}
