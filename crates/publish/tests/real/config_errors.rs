//! Mistakes in the configuration are reported with their place in the file, before any record is published.

use spanbridge_kafka::Admin;
use spanbridge_publish::{Error, ErrorKind, unknown_names};

use crate::worker::{LIMIT, Worker};
use crate::world::World;

const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE TABLE Other (Id INT64 NOT NULL) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR Orders",
];
const TOPICS: &str = "create_topics = { partitions = 1, replication_factor = 1 }\n";
/// The first line of the pipeline after its `name`.
const FIRST_LINE: usize = 9;

async fn config_error(world: &World, lines: &str) -> spanbridge_config::Error {
    let error = Worker::start(world, &world.config(lines)).error().await;
    assert_eq!(error.kind(), ErrorKind::Config);
    match error {
        Error::Config(error) => error,
        error => panic!("the error has no place: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_part_is_reported_with_its_place() {
    let world = World::new(&DDL).await;
    let error = config_error(&world, &format!("change_stream = \"Nope\"\n{TOPICS}")).await;
    assert_eq!(error.position(), (FIRST_LINE, 17));
    assert!(error.to_string().contains("no change stream `Nope`"), "{error}");

    let lines = format!("change_stream = \"Stream\"\ntables = [\"Orders\", \"Other\"]\n{TOPICS}");
    let error = config_error(&world, &lines).await;
    assert_eq!(error.position(), (FIRST_LINE + 1, 21));
    assert!(error.to_string().contains("does not watch table `Other`"), "{error}");

    let error = config_error(&world, "change_stream = \"Stream\"\n").await;
    let topic = world.topic("Orders");
    assert!(error.to_string().contains(&format!("no topic `{topic}`")), "{error}");

    let error =
        config_error(&world, &format!("change_stream = \"Stream\"\nenvelope = \"row\"\n{TOPICS}")).await;
    assert!(error.to_string().contains("captures OLD_AND_NEW_VALUES"), "{error}");

    let key = "change_stream = \"Stream\"\nexclude_columns = [\"Orders.V\", \"orders.id\"]\n";
    let error = config_error(&world, &format!("{key}{TOPICS}")).await;
    assert_eq!(error.position(), (FIRST_LINE + 1, 32));
    assert!(error.to_string().contains("`Id` is in the primary key of Orders"), "{error}");

    let admin = Admin::new(&world.kafka, LIMIT).unwrap();
    let state = format!("{}.spanbridge-state", world.pipeline);
    admin.delete_topic(&state).await.unwrap();
    while admin.partition_count(&state).await.unwrap().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    admin.ensure_topic(&state, 3, 1, &[]).await.unwrap();
    let error = config_error(&world, &format!("change_stream = \"Stream\"\nshards = 5\n{TOPICS}")).await;
    assert!(error.to_string().contains("3 partitions, but `shards` is 5"), "{error}");
    let error = config_error(&world, &format!("change_stream = \"Stream\"\nshards = 3\n{TOPICS}")).await;
    assert!(error.to_string().contains("cleanup.policy = delete"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_name_is_reported_with_its_place() {
    let world = World::new(&[
        "CREATE TABLE Orders (Id INT64 NOT NULL, Password STRING(9), Twice INT64 AS (Id * 2) STORED) PRIMARY KEY (Id)",
        "CREATE CHANGE STREAM Stream FOR ALL",
    ])
    .await;
    let config = world.config(
        "change_stream = \"Stream\"\nexclude_tables = [\"Secrts\", \"Tmp*\"]\n\
         columns = [\"orders.id\", \"Orders.password\", \"Orders.Twice\"]\n\
         exclude_columns = [\"Orders.Pasword\", \"Ordres.V\", \"*.Other\", \"Orders.Twice\"]\n",
    );
    let unknown = unknown_names(&config, &config.publish[0], &world.database).await.unwrap();
    let unknown: Vec<_> = unknown.iter().map(|error| (error.position(), error.to_string())).collect();
    let expected = [
        ((FIRST_LINE + 1, 19), "no table `Secrts`"),
        ((FIRST_LINE + 2, 44), "Twice of table Orders is generated"),
        ((FIRST_LINE + 3, 20), "table Orders has no column `Pasword`"),
        ((FIRST_LINE + 3, 38), "no table `Ordres`"),
    ];
    assert_eq!(unknown.len(), expected.len(), "{unknown:?}");
    for ((place, message), (expected, words)) in unknown.iter().zip(expected) {
        assert!(*place == expected && message.contains(words), "{place:?}: {message}");
    }
}
