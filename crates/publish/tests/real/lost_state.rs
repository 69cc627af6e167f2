//! A pipeline whose state topic was deleted or emptied does not begin anew by itself.

use std::time::Duration;

use spanbridge_kafka::{Admin, Offsets, TopicPartition};
use spanbridge_protocol::mutation::Write;
use spanbridge_publish::ErrorKind;
use spanbridge_service::FailureClass;

use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE TABLE Other (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR Orders, Other",
];
const PIPELINE: &str = "change_stream = \"Stream\"\nshards = 2\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n";

async fn insert(world: &World, id: i64) {
    world.write(Write::Insert, "Orders", &["Id"], vec![id.into()]).await;
}

/// Starts a pipeline that has lost its state, and checks that it stops.
async fn assert_stops(world: &World, lines: &str) {
    let error = Worker::start(world, &world.config(lines)).error().await;
    assert_eq!((error.kind(), error.class()), (ErrorKind::StateLost, FailureClass::Permanent), "{error}");
    let message = error.to_string();
    assert!(message.contains(&world.topic("Orders")) && message.contains("existing_topics"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipeline_without_its_state_stops_until_the_file_says_append() {
    let world = World::new(&DDL).await;
    let config = world.config(PIPELINE);
    let (orders, state) = (world.topic("Orders"), config.publish[0].state_topic());
    // Two workers of a new pipeline start at once. Neither takes the other's records for those of a lost pipeline.
    let workers = [Worker::start(&world, &config), Worker::start(&world, &config)];
    topic::await_count(&world, &state, 3).await;
    insert(&world, 1).await;
    topic::await_count(&world, &orders, 1).await;
    for worker in workers {
        worker.stop().await;
    }
    // With its state, the pipeline continues.
    let worker = Worker::start(&world, &config);
    insert(&world, 2).await;
    topic::await_count(&world, &orders, 2).await;
    worker.stop().await;

    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    admin.delete_topic(&state).await.unwrap();
    while admin.partition_count(&state).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_stops(&world, PIPELINE).await;
    // The first start has created the state topic again.
    assert_stops(&world, PIPELINE).await;
    assert_stops(&world, &format!("{PIPELINE}snapshot = \"initial\"\n")).await;

    // Retention deletes the records, but not what they tell.
    let offsets = Offsets::new(&world.kafka).unwrap();
    for partition in 0..3 {
        let partition = TopicPartition::new(orders.as_str(), partition);
        let end = offsets.end(&partition, LIMIT).await.unwrap();
        admin.delete_records(&partition, end).await.unwrap();
    }
    assert_stops(&world, PIPELINE).await;

    let append = world.config(&format!("{PIPELINE}existing_topics = \"append\"\n"));
    let worker = Worker::start(&world, &append);
    let mut id = 10;
    while topic::records(&world, &orders).await.is_empty() {
        insert(&world, id).await;
        id += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    worker.stop().await;
    // Now that it has a state again, the key no longer matters.
    Worker::start(&world, &config).stop().await;
}
