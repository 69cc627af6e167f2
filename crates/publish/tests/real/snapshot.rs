//! A pipeline that starts with a snapshot: each row once and then each later change, through crashes during the snapshot
//! and at the step from rows to changes.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use spanbridge_protocol::publish::{InitialSnapshot, Origin, RangeId, SnapshotRange, StateKey, StateValue};
use spanbridge_protocol::value::Timestamp;
use spanbridge_publish::ErrorKind;
use tokio::sync::watch;

use crate::orders_table::{DDL, Key, PublishedRow, effective_writes, fill, key, published_rows, write};
use crate::state_topic;
use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const PIPELINE: &str = "change_stream = \"Stream\"\nsnapshot = \"initial\"\nshards = 2\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n\
    transaction = { max_records = 50, max_wait = \"20ms\" }\n";
const ROWS: i64 = 2000;

/// The expected records: each row as of the snapshot, then each later change.
fn expected(written: &BTreeMap<Key, Vec<PublishedRow>>, at: i64) -> BTreeMap<Key, Vec<PublishedRow>> {
    let mut expected = BTreeMap::new();
    for key in (0..ROWS).map(key) {
        let changes = written.get(&key).cloned().unwrap_or_default();
        let (contained, later): (Vec<PublishedRow>, Vec<PublishedRow>) =
            changes.into_iter().partition(|(.., then)| *then <= at);
        let v = contained.last().map_or(Some(0), |(_, v, _)| *v);
        let row = v.map(|v| ("r".to_owned(), Some(v), at));
        let later = effective_writes(row.is_some(), &later).cloned();
        let all: Vec<PublishedRow> = row.into_iter().chain(later).collect();
        if !all.is_empty() {
            expected.insert(key, all);
        }
    }
    expected
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_precedes_every_change() {
    let world = World::new(&DDL).await;
    fill(&world, ROWS).await;
    let (config, topic) = (world.config(PIPELINE), world.topic("Orders"));
    let (stop, stopped) = watch::channel(false);
    let workers = async {
        for rows in [1, 600, 1200] {
            let worker = Worker::start(&world, &config);
            topic::await_count(&world, &topic, rows).await;
            worker.crash().await;
        }
        // The worker crashes near the step from rows to changes.
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, usize::try_from(ROWS).unwrap() - 100).await;
        worker.crash().await;
        let worker = Worker::start(&world, &config);
        topic::await_count(&world, &topic, usize::try_from(ROWS).unwrap() + 100).await;
        stop.send(true).unwrap();
        worker
    };
    let (written, worker) = tokio::join!(write(&world, ROWS, stopped), workers);

    let records = topic::read(&world, &topic).await;
    let at = published_rows(&records).values().flatten().find(|(op, ..)| op == "r").unwrap().2;
    let expected = expected(&written, at);
    let deletions = expected.values().flatten().filter(|(op, ..)| op == "d").count();
    let count = expected.values().flatten().count() + deletions;
    topic::await_count(&world, &topic, count).await;
    worker.stop().await;
    // The emulator's tokens do not descend from each other, so changes of different lineages have no order.
    let mut published = published_rows(&topic::read(&world, &topic).await);
    for rows in published.values_mut() {
        assert!(rows.iter().skip(1).all(|(op, ..)| op != "r"), "a snapshot row after a change");
        rows.sort_by_key(|(.., at)| *at);
    }
    assert!(published == expected, "{:?}", published.iter().zip(&expected).find(|(one, other)| one != other));
    let small = topic::read(&world, &world.topic("Small")).await;
    assert_eq!(small.len(), 1, "{small:?}");
    assert_eq!(small[0].value["op"], "r");
}

/// The snapshot is older than Spanner keeps old rows, which is an hour by default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_snapshot_stops_the_pipeline() {
    let world = World::new(&DDL).await;
    let config = world.config(
        "change_stream = \"Stream\"\nshards = 1\nsnapshot = \"initial\"\n\
         create_topics = { partitions = 1, replication_factor = 1 }\n",
    );
    let at: Timestamp = (SystemTime::now() - Duration::from_secs(2 * 3600)).into();
    let snapshot = Some(InitialSnapshot { at, ranges: 1 });
    let origin = Origin { start: at, shards: 1, change_stream: "Stream".into(), snapshot };
    let range = SnapshotRange { table: "Small".into(), at, after: None, through: None, rows: 0 };
    let records = vec![
        (StateKey::Origin, StateValue::Origin(origin)),
        (StateKey::Range(RangeId(0)), StateValue::Range(range)),
    ];
    state_topic::write(&world, &config, records).await;
    let error = Worker::start(&world, &config).error().await;
    assert_eq!(error.kind(), ErrorKind::SnapshotExpired, "{error}");
    let text = error.to_string();
    for words in [
        "table Small",
        "older than version_retention_period",
        "version_retention_period",
        "another name",
        "SB-PUBLISH-SNAPSHOT-EXPIRED",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}
