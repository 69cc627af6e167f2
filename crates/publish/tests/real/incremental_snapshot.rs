//! Incremental snapshots: each row once, after every change that it contains and before every other, through crashes and
//! with several workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use spanbridge_config::Config;
use spanbridge_protocol::mutation::Write;
use spanbridge_protocol::publish::{
    Barrier, BarrierId, IncrementalSnapshot, RangeId, SnapshotRange, SnapshotRequest, SnapshotStage,
    StateKey, StateValue,
};
use spanbridge_protocol::value::Timestamp;
use spanbridge_publish::{ErrorKind, SnapshotRequests, SnapshotStatus};
use tokio::sync::watch;

use crate::orders_table::{self, DDL, Key, PublishedRow, key};
use crate::state_topic;
use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const ROWS: i64 = 2000;

async fn snapshot_status(world: &World, config: &Config) -> SnapshotStatus {
    SnapshotRequests::new(&config.publish[0], &world.kafka).status().await.unwrap()
}

async fn request(world: &World, config: &Config, tables: &[&str]) -> String {
    let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
    let requests = SnapshotRequests::new(&config.publish[0], &world.kafka);
    requests.submit(&world.database, &tables).await.unwrap().to_string()
}

/// Waits until the status fulfils the condition.
async fn await_status(
    world: &World,
    config: &Config,
    condition: impl Fn(&SnapshotStatus) -> bool,
) -> SnapshotStatus {
    let end = Instant::now() + LIMIT;
    loop {
        let status = snapshot_status(world, config).await;
        if condition(&status) {
            return status;
        }
        assert!(Instant::now() < end, "after {LIMIT:?}: {status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the stage of the request fulfils the condition.
async fn await_stage(
    world: &World,
    config: &Config,
    request: &str,
    condition: impl Fn(SnapshotStage) -> bool,
) -> SnapshotStatus {
    let last = |status: &SnapshotStatus| status.last.clone().filter(|last| *last.request == *request);
    await_status(world, config, |status| last(status).is_some_and(|last| condition(last.stage))).await
}

/// Asserts that every change is published once and in order, and that each of the requests has published each row once,
/// between the changes that it contains and the others.
fn check(
    published: &BTreeMap<Key, Vec<PublishedRow>>,
    written: &BTreeMap<Key, Vec<PublishedRow>>,
    requests: usize,
) {
    for (key, records) in published {
        let (rows, changes): (Vec<&PublishedRow>, Vec<&PublishedRow>) =
            records.iter().partition(|(op, ..)| op == "r");
        let expected = orders_table::effective_writes(true, written.get(key).into_iter().flatten());
        // The emulator's tokens do not descend from each other, so changes of different lineages have no order.
        let mut sorted = changes.clone();
        sorted.sort_by_key(|(.., at)| *at);
        assert_eq!(sorted, expected.collect::<Vec<_>>(), "{key:?}");
        assert!(rows.len() <= requests, "{key:?}: {rows:?}");
        for (index, (_, v, at)) in records.iter().enumerate().filter(|(_, (op, ..))| op == "r") {
            let (before, after) = (&records[..index], &records[index + 1..]);
            assert!(
                before.iter().all(|(.., then)| then <= at),
                "{key:?}: a change before a row that does not contain it: {records:?}"
            );
            assert!(
                after.iter().all(|(.., then)| then >= at),
                "{key:?}: a change after a row that contains it: {records:?}"
            );
            let last = written.get(key).into_iter().flatten().rfind(|(.., then)| then <= at);
            assert_eq!(*v, last.map_or(Some(0), |(_, v, _)| *v), "{key:?}: {records:?}");
        }
    }
}

async fn check_incremental_snapshot(shards: usize, lines: &str) {
    let world = World::new(&DDL).await;
    orders_table::fill(&world, ROWS).await;
    let config = world.config(&format!(
        "change_stream = \"Stream\"\nshards = {shards}\ncreate_topics = {{ partitions = 3, replication_factor = 1 }}\n\
         transaction = {{ max_records = 200, max_wait = \"20ms\" }}\n{lines}"
    ));
    let topic = world.topic("Orders");
    let worker = Worker::start(&world, &config);
    await_status(&world, &config, SnapshotStatus::has_begun).await;
    let (stop, stopped) = watch::channel(false);
    let workers = async {
        let first = request(&world, &config, &["orders", "Small"]).await;
        // The worker crashes while changes wait at the barrier, while rows are read, and at any other point.
        await_stage(&world, &config, &first, |stage| {
            matches!(stage, SnapshotStage::AtBarrier(_) | SnapshotStage::Reading { .. })
        })
        .await;
        worker.crash().await;
        let worker = Worker::start(&world, &config);
        await_stage(&world, &config, &first, |stage| {
            matches!(stage, SnapshotStage::Reading { .. } | SnapshotStage::Done)
        })
        .await;
        worker.crash().await;
        let workers = [Worker::start(&world, &config), Worker::start(&world, &config)];
        let done = await_stage(&world, &config, &first, |stage| stage == SnapshotStage::Done).await;
        let [one, other] = workers;
        other.stop().await;
        let second = request(&world, &config, &["Orders"]).await;
        await_stage(&world, &config, &second, |stage| stage == SnapshotStage::Done).await;
        stop.send(true).unwrap();
        (one, done)
    };
    let (written, (worker, done)) = tokio::join!(orders_table::write(&world, ROWS, stopped), workers);

    let last = snapshot_status(&world, &config).await;
    assert!(last.open.is_empty());
    let rows = |status: &SnapshotStatus, table: &str| {
        let last = status.last.as_ref().unwrap();
        assert!(last.table_progress[table].error.is_none() && !last.cancelled, "{last:?}");
        usize::try_from(last.table_progress[table].rows).unwrap()
    };
    assert_eq!(rows(&done, "Small"), 1);
    let all = rows(&done, "Orders") + rows(&last, "Orders");
    let changes = written.values().flat_map(|written| orders_table::effective_writes(true, written));
    // A deletion is followed by a tombstone.
    let records = changes.map(|(op, ..)| if op == "d" { 2 } else { 1 }).sum::<usize>();
    topic::await_count(&world, &topic, all + records).await;
    worker.stop().await;
    let read = topic::read(&world, &topic).await;
    assert_eq!(read.len(), all + records);
    let published = orders_table::published_rows(&read);
    check(&published, &written, 2);
    // A row without changes is published by both requests.
    for key in (0..ROWS).map(key).filter(|key| !written.contains_key(key)) {
        assert_eq!(published.get(&key).map_or(0, Vec::len), 2, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_ordered_among_the_changes() {
    check_incremental_snapshot(2, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_ordered_among_the_changes_of_an_atomic_pipeline() {
    check_incremental_snapshot(1, "atomic = true").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_table_is_refused_and_changes_continue() {
    let world = World::new(&DDL).await;
    let config = world.config(
        "change_stream = \"Stream\"\nexclude_tables = [\"Small\"]\n\
         create_topics = { partitions = 1, replication_factor = 1 }\n",
    );
    let requests = SnapshotRequests::new(&config.publish[0], &world.kafka);
    let tables = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let refused = async |names: &[&str], why: &str| {
        let error = requests.submit(&world.database, &tables(names)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotRefused);
        assert!(error.to_string().contains(why), "{error}");
    };
    refused(&["Orders"], "has not begun").await;
    let worker = Worker::start(&world, &config);
    await_status(&world, &config, SnapshotStatus::has_begun).await;
    refused(&["Orders", "Small"], "table Small is not published; these are: Orders").await;
    refused(&["None"], "table None is not published").await;
    assert_eq!(requests.cancel("none").await.unwrap_err().kind(), ErrorKind::SnapshotRefused);
    worker.stop().await;

    // One table is dropped before its turn, and one request is cancelled before its turn.
    let dropped = request(&world, &config, &["Orders"]).await;
    let cancelled = request(&world, &config, &["Orders"]).await;
    requests.cancel(&cancelled).await.unwrap();
    let ddl = ["ALTER CHANGE STREAM Stream SET FOR Small", "DROP TABLE Orders"].map(str::to_owned);
    world.admin.apply_ddl(&ddl).await.unwrap();
    let config = world
        .config("change_stream = \"Stream\"\ncreate_topics = { partitions = 1, replication_factor = 1 }\n");
    let worker = Worker::start(&world, &config);
    let done = await_stage(&world, &config, &dropped, |stage| stage == SnapshotStage::Done).await;
    let progress = &done.last.unwrap().table_progress["Orders"];
    assert!(
        progress.error.as_ref().is_some_and(|why| why.contains("table Orders is not published")),
        "{progress:?}"
    );
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
    topic::await_count(&world, &world.topic("Small"), 1).await;
    worker.stop().await;
}

/// The workers were stopped at a barrier for longer than Spanner keeps old rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_rows_are_read_as_of_a_later_timestamp() {
    let world = World::new(&DDL).await;
    let config = world.config(
        "change_stream = \"Stream\"\nshards = 1\ncreate_topics = { partitions = 1, replication_factor = 1 }\n",
    );
    let worker = Worker::start(&world, &config);
    await_status(&world, &config, SnapshotStatus::has_begun).await;
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
    topic::await_count(&world, &world.topic("Small"), 1).await;
    worker.stop().await;
    let at: Timestamp = (SystemTime::now() - Duration::from_secs(2 * 3600)).into();
    let (request, first) = ("1".into(), RangeId(1 << 31));
    let snapshot = IncrementalSnapshot {
        request: Arc::clone(&request),
        stage: SnapshotStage::Reading { at, first },
        round: 1,
        tables: vec!["Small".into()],
        ranges: Vec::new(),
        next_range: RangeId(first.0 + 1),
        table_progress: BTreeMap::new(),
        cancelled: false,
    };
    let barrier = Barrier { id: BarrierId { request: request.clone(), round: 1 }, at: Some(at) };
    let range = SnapshotRange { table: "Small".into(), at, after: None, through: None, rows: 0 };
    let records = vec![
        (
            StateKey::SnapshotRequest(request.clone()),
            StateValue::SnapshotRequest(SnapshotRequest { tables: snapshot.tables.clone() }),
        ),
        (StateKey::IncrementalSnapshot, StateValue::IncrementalSnapshot(snapshot)),
        (StateKey::Barrier, StateValue::Barrier(barrier)),
        (StateKey::Range(first), StateValue::Range(range)),
    ];
    state_topic::write(&world, &config, records).await;
    let worker = Worker::start(&world, &config);
    let done = await_stage(&world, &config, &request, |stage| stage == SnapshotStage::Done).await;
    let last = done.last.unwrap();
    assert!(
        last.round == 2
            && last.table_progress["Small"].rows == 1
            && last.table_progress["Small"].error.is_none(),
        "{last:?}"
    );
    let read = topic::await_records(&world, &world.topic("Small"), 2).await;
    assert_eq!((&read[0].value["op"], &read[1].value["op"]), (&json!("c"), &json!("r")));
    worker.stop().await;
}
