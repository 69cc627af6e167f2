//! Change streams that are altered, dropped or outlived while they are published.

use std::time::{Duration, SystemTime};

use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_publish::{Error, ErrorKind};

use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const TABLES: [&str; 2] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64, W INT64) PRIMARY KEY (Id)",
    "CREATE TABLE Other (Id INT64 NOT NULL) PRIMARY KEY (Id)",
];

async fn world(stream: &str) -> World {
    World::new(&[TABLES[0], TABLES[1], &format!("CREATE CHANGE STREAM Stream {stream}")]).await
}

const PIPELINE: &str = "change_stream = \"Stream\"\nshards = 1\n\
    create_topics = { partitions = 1, replication_factor = 1 }\n";

async fn alter(world: &World, ddl: &[&str]) {
    let ddl: Vec<String> = ddl.iter().map(|&statement| statement.to_owned()).collect();
    world.admin.update_ddl(&ddl).await.unwrap();
}

/// Starts a worker and waits until it has published a row.
async fn running_worker(world: &World, more: &str) -> Worker {
    let start = world.database.now().await.unwrap().to_rfc3339();
    let worker = Worker::start(world, &world.config(&format!("{PIPELINE}start = \"{start}\"\n{more}")));
    insert(world, 1).await;
    topic::await_records(world, &world.topic("Orders"), 1).await;
    worker
}

async fn insert(world: &World, id: i64) {
    let row = vec![Value::Int64(id), Value::Int64(-id)];
    world.write(Write::Insert, "Orders", &["Id", "V"], row).await;
}

/// Asserts the error's kind, and that its message contains all these words.
fn check_error(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_stream_stops_the_pipeline() {
    let world = world("FOR Orders").await;
    let worker = running_worker(&world, "").await;
    alter(&world, &["DROP CHANGE STREAM Stream"]).await;
    let error = worker.error().await;
    check_error(
        &error,
        ErrorKind::Stream,
        &["change stream Stream", "dropped", "Changes from", "new pipeline"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recreated_stream_stops_the_pipeline() {
    let world = world("FOR Orders").await;
    let worker = running_worker(&world, "").await;
    worker.stop().await;
    alter(&world, &["DROP CHANGE STREAM Stream"]).await;
    alter(&world, &["CREATE CHANGE STREAM Stream FOR Orders"]).await;
    let error = Worker::start(&world, &world.config(PIPELINE)).error().await;
    let words = ["change stream Stream", "created again", "Changes from", "cannot be skipped"];
    check_error(&error, ErrorKind::Expired, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_changes_stop_the_pipeline() {
    let world = World::with_fake_spanner(&[
        TABLES[0],
        "CREATE CHANGE STREAM Stream FOR Orders OPTIONS (retention_period = '36h')",
    ])
    .await;
    let worker = running_worker(&world, "").await;
    worker.stop().await;
    insert(&world, 2).await;
    world.advance_clock(37);
    let error = Worker::start(&world, &world.config(PIPELINE)).error().await;
    let words = ["change stream Stream retains 36 h and no longer holds", "Changes from", "may be lost"];
    check_error(&error, ErrorKind::Expired, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_before_the_stream_is_an_error() {
    let stream = "CREATE CHANGE STREAM Stream FOR Orders";
    for world in
        [World::new(&[TABLES[0], stream]).await, World::with_fake_spanner(&[TABLES[0], stream]).await]
    {
        let hour_ago = SystemTime::from(world.database.now().await.unwrap()) - Duration::from_secs(3600);
        let start = Timestamp::from(hour_ago).to_rfc3339();
        let config = world.config(&format!("{PIPELINE}start = \"{start}\"\n"));
        let error = Worker::start(&world, &config).error().await;
        let words =
            ["change stream Stream holds nothing of `start`", "before its creation", "give a later one"];
        check_error(&error, ErrorKind::Expired, &words);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unwatched_named_table_stops_the_pipeline() {
    let world = world("FOR Orders, Other").await;
    let worker = running_worker(&world, "tables = [\"Orders\", \"Other\"]\n").await;
    alter(&world, &["ALTER CHANGE STREAM Stream SET FOR Orders"]).await;
    let error = worker.error().await;
    check_error(
        &error,
        ErrorKind::Stream,
        &["was altered", "does not watch table `Other`", "it watches: Orders"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_without_whole_rows_stops_the_row_envelope() {
    let world = world("FOR Orders OPTIONS (value_capture_type = 'NEW_ROW')").await;
    let worker = running_worker(&world, "envelope = \"row\"\n").await;
    alter(&world, &["ALTER CHANGE STREAM Stream SET OPTIONS (value_capture_type = 'OLD_AND_NEW_VALUES')"])
        .await;
    let error = worker.error().await;
    check_error(
        &error,
        ErrorKind::Stream,
        &["needs whole rows", "captures OLD_AND_NEW_VALUES", "ALTER CHANGE STREAM"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newly_watched_table_is_published() {
    let world = world("FOR Orders").await;
    let worker = running_worker(&world, "").await;
    // From here on the emulator returns no changes of `Orders`.
    alter(&world, &["ALTER CHANGE STREAM Stream SET FOR Orders, Other"]).await;
    world.write(Write::Insert, "Other", &["Id"], vec![7.into()]).await;
    topic::await_records(&world, &world.topic("Other"), 1).await;
    worker.stop().await;
}
