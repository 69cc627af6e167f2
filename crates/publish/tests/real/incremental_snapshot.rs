//! Rows that are read again while changes go on: each once, behind every change that it holds and in front of every
//! other, through crashes and with several workers.

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

use crate::orders_table::{self, DDL, Key, Told, key};
use crate::state_topic;
use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const ROWS: i64 = 3000;

async fn standing(world: &World, config: &Config) -> SnapshotStatus {
    SnapshotRequests::new(&config.publish[0], &world.kafka).status().await.unwrap()
}

async fn ask(world: &World, config: &Config, tables: &[&str]) -> String {
    let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
    let requests = SnapshotRequests::new(&config.publish[0], &world.kafka);
    requests.submit(&world.database, &tables).await.unwrap().to_string()
}

/// Waits until the standing is such.
async fn await_standing(
    world: &World,
    config: &Config,
    is_it: impl Fn(&SnapshotStatus) -> bool,
) -> SnapshotStatus {
    let end = Instant::now() + LIMIT;
    loop {
        let standing = standing(world, config).await;
        if is_it(&standing) {
            return standing;
        }
        assert!(Instant::now() < end, "after {LIMIT:?}: {standing:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the request is at such a stage.
async fn await_stage(
    world: &World,
    config: &Config,
    request: &str,
    is_it: impl Fn(SnapshotStage) -> bool,
) -> SnapshotStatus {
    let last = |standing: &SnapshotStatus| standing.last.clone().filter(|last| *last.request == *request);
    await_standing(world, config, |standing| last(standing).is_some_and(|last| is_it(last.stage))).await
}

/// Every change once in the order of time, and with each of the `again` requests each row once where it belongs.
fn check(found: &BTreeMap<Key, Vec<Told>>, written: &BTreeMap<Key, Vec<Told>>, again: usize) {
    for (key, told) in found {
        let (rows, changes): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|(op, ..)| op == "r");
        let expected = orders_table::that_change(true, written.get(key).into_iter().flatten());
        // The emulator's tokens do not descend from each other: between strangers there is no order.
        let mut sorted = changes.clone();
        sorted.sort_by_key(|(.., at)| *at);
        assert_eq!(sorted, expected.collect::<Vec<_>>(), "{key:?}");
        assert!(rows.len() <= again, "{key:?}: {rows:?}");
        for (place, (_, v, at)) in told.iter().enumerate().filter(|(_, (op, ..))| op == "r") {
            let (before, behind) = (&told[..place], &told[place + 1..]);
            assert!(
                before.iter().all(|(.., then)| then <= at),
                "{key:?}: a change in front of what it is behind: {told:?}"
            );
            assert!(
                behind.iter().all(|(.., then)| then >= at),
                "{key:?}: a change behind what holds it: {told:?}"
            );
            let last = written.get(key).into_iter().flatten().rfind(|(.., then)| then <= at);
            assert_eq!(*v, last.map_or(Some(0), |(_, v, _)| *v), "{key:?}: {told:?}");
        }
    }
}

async fn rows_again(shards: usize, lines: &str) {
    let world = World::new(&DDL).await;
    orders_table::fill(&world, ROWS).await;
    let config = world.config(&format!(
        "change_stream = \"Stream\"\nshards = {shards}\ncreate_topics = {{ partitions = 3, replication_factor = 1 }}\n\
         transaction = {{ max_records = 200, max_wait = \"20ms\" }}\n{lines}"
    ));
    let topic = world.topic("Orders");
    let worker = Worker::start(&world, &config);
    await_standing(&world, &config, SnapshotStatus::has_begun).await;
    let (stop, stopped) = watch::channel(false);
    let life = async {
        let first = ask(&world, &config, &["orders", "Small"]).await;
        // Where changes are held, where rows are read, and anywhere else.
        await_stage(&world, &config, &first, |stage| {
            matches!(stage, SnapshotStage::AtBarrier(_) | SnapshotStage::Reading { .. })
        })
        .await;
        worker.drop_dead().await;
        let worker = Worker::start(&world, &config);
        await_stage(&world, &config, &first, |stage| {
            matches!(stage, SnapshotStage::Reading { .. } | SnapshotStage::Done)
        })
        .await;
        worker.drop_dead().await;
        let workers = [Worker::start(&world, &config), Worker::start(&world, &config)];
        let done = await_stage(&world, &config, &first, |stage| stage == SnapshotStage::Done).await;
        let [one, other] = workers;
        other.stop().await;
        let second = ask(&world, &config, &["Orders"]).await;
        await_stage(&world, &config, &second, |stage| stage == SnapshotStage::Done).await;
        stop.send(true).unwrap();
        (one, done)
    };
    let (written, (worker, done)) = tokio::join!(orders_table::write(&world, ROWS, stopped), life);

    let last = standing(&world, &config).await;
    assert!(last.open.is_empty());
    let rows = |standing: &SnapshotStatus, table: &str| {
        let last = standing.last.as_ref().unwrap();
        assert!(last.table_progress[table].error.is_none() && !last.cancelled, "{last:?}");
        usize::try_from(last.table_progress[table].rows).unwrap()
    };
    assert_eq!(rows(&done, "Small"), 1);
    let all = rows(&done, "Orders") + rows(&last, "Orders");
    let changes = written.values().flat_map(|written| orders_table::that_change(true, written));
    // A deletion has a tombstone.
    let records = changes.map(|(op, ..)| if op == "d" { 2 } else { 1 }).sum::<usize>();
    topic::await_count(&world, &topic, all + records).await;
    worker.stop().await;
    let read = topic::read(&world, &topic).await;
    assert_eq!(read.len(), all + records);
    let found = orders_table::told(&read);
    check(&found, &written, 2);
    // A row that is there all the time is there twice.
    for key in (0..ROWS).map(key).filter(|key| !written.contains_key(key)) {
        assert_eq!(found.get(&key).map_or(0, Vec::len), 2, "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_read_again_stand_among_the_changes_where_they_belong() {
    rows_again(2, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_read_again_in_an_atomic_pipeline() {
    rows_again(1, "atomic = true").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_again_is_refused_or_told_and_changes_go_on() {
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
    await_standing(&world, &config, SnapshotStatus::has_begun).await;
    refused(&["Orders", "Small"], "table Small is not published; these are: Orders").await;
    refused(&["None"], "table None is not published").await;
    assert_eq!(requests.cancel("none").await.unwrap_err().kind(), ErrorKind::SnapshotRefused);
    worker.stop().await;

    // Dropped before its turn, and a request that is taken back before it.
    let gone = ask(&world, &config, &["Orders"]).await;
    let back = ask(&world, &config, &["Orders"]).await;
    requests.cancel(&back).await.unwrap();
    let ddl = ["ALTER CHANGE STREAM Stream SET FOR Small", "DROP TABLE Orders"].map(str::to_owned);
    world.admin.apply_ddl(&ddl).await.unwrap();
    let config = world
        .config("change_stream = \"Stream\"\ncreate_topics = { partitions = 1, replication_factor = 1 }\n");
    let worker = Worker::start(&world, &config);
    let done = await_stage(&world, &config, &gone, |stage| stage == SnapshotStage::Done).await;
    let told = &done.last.unwrap().table_progress["Orders"];
    assert!(told.error.as_ref().is_some_and(|why| why.contains("table Orders is not published")), "{told:?}");
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
    topic::await_count(&world, &world.topic("Small"), 1).await;
    worker.stop().await;
}

/// The workers were away for longer than Spanner keeps old rows, amid a hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_spanner_keeps_no_longer_are_read_as_of_a_later_time() {
    let world = World::new(&DDL).await;
    let config = world.config(
        "change_stream = \"Stream\"\nshards = 1\ncreate_topics = { partitions = 1, replication_factor = 1 }\n",
    );
    let worker = Worker::start(&world, &config);
    await_standing(&world, &config, SnapshotStatus::has_begun).await;
    world.write(Write::Insert, "Small", &["Id", "Note"], vec![1.into(), "x".into()]).await;
    topic::await_count(&world, &world.topic("Small"), 1).await;
    worker.stop().await;
    let at: Timestamp = (SystemTime::now() - Duration::from_secs(2 * 3600)).into();
    let (request, first) = ("1".into(), RangeId(1 << 31));
    let reread = IncrementalSnapshot {
        request: Arc::clone(&request),
        stage: SnapshotStage::Reading { at, first },
        round: 1,
        tables: vec!["Small".into()],
        ranges: Vec::new(),
        next_range: RangeId(first.0 + 1),
        table_progress: BTreeMap::new(),
        cancelled: false,
    };
    let hold = Barrier { id: BarrierId { request: request.clone(), round: 1 }, at: Some(at) };
    let range = SnapshotRange { table: "Small".into(), at, after: None, through: None, rows: 0 };
    let records = vec![
        (
            StateKey::SnapshotRequest(request.clone()),
            StateValue::SnapshotRequest(SnapshotRequest { tables: reread.tables.clone() }),
        ),
        (StateKey::IncrementalSnapshot, StateValue::IncrementalSnapshot(reread)),
        (StateKey::Barrier, StateValue::Barrier(hold)),
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
