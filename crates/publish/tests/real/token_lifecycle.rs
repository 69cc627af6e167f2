//! Behaviour of Spanner that its emulator does not have: transactions over several tokens and records, several
//! transactions at one timestamp, queries that end early, hundreds of tokens; and crashes at chosen moments.

use std::time::{Duration, Instant};

use spanbridge_fake_spanner::{ChangeStreamControl, TokenInfo};

use crate::exactly_once::await_origin;
use crate::ledger::Ledger;
use crate::lineage::Lineage;
use crate::topic;
use crate::worker::{LIMIT, Worker};
use crate::world::World;

const DDL: [&str; 3] = [
    "CREATE TABLE Orders (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE TABLE Other (Id INT64 NOT NULL, V INT64) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Stream FOR Orders, Other",
];
pub(crate) const PIPELINE: &str = "change_stream = \"Stream\"\nkey = { format = \"json\" }\nvalue = { format = \"json\" }\n\
    create_topics = { partitions = 3, replication_factor = 1 }\n";

fn pipeline(max_records: u32) -> String {
    format!("{PIPELINE}transaction = {{ max_records = {max_records}, max_wait = \"20ms\" }}\n")
}

pub(crate) async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition().await {
        assert!(Instant::now() < end, "no {what} after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A fake Spanner, the control of its change stream, and the stream's only token.
pub(crate) async fn fake_world() -> (World, ChangeStreamControl, String) {
    let world = World::with_fake_spanner(&DDL).await;
    let changes = world.change_stream();
    let root = changes.live().unwrap().remove(0);
    (world, changes, root)
}

/// Waits until all changes are published, stops the worker, and asserts that each change is published once.
pub(crate) async fn settle_and_check(world: &World, worker: Worker, ledger: &Ledger) {
    ledger.settle(world).await;
    worker.stop().await;
    ledger.check(world).await;
}

fn info(changes: &ChangeStreamControl, token: &str) -> TokenInfo {
    changes.tokens().unwrap().into_iter().find(|info| info.token == token).unwrap()
}

/// The rows of both tables with these ids.
pub(crate) fn rows_of_both(ids: std::ops::Range<i64>) -> Vec<(&'static str, i64)> {
    ids.flat_map(|id| [("Orders", id), ("Other", id)]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_over_tokens_tables_and_records_are_published_once() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, 8).unwrap();
    changes.set_most_mods(2).unwrap();
    // A Kafka transaction holds only a part of a Spanner transaction.
    let config = world.config(&pipeline(7));
    let mut first = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..4 {
        for _ in 0..10 {
            ledger.commit(&world, &rows_of_both(0..20)).await;
        }
        let half = ledger.count("Orders") - 100;
        topic::await_count(&world, &world.topic("Orders"), half).await;
        if round % 2 == 0 {
            first.crash().await;
            first = Worker::start(&world, &config);
        } else {
            let second = Worker::start(&world, &config);
            first.stop().await;
            first = second;
        }
    }
    settle_and_check(&world, first, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnect_and_crash_between_transactions_of_one_timestamp_repeat_nothing() {
    let (world, changes, root) = fake_world().await;
    let config = world.config(&pipeline(1));
    let worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    changes.hold(&root, 4).unwrap();
    world.hold_clock(true);
    for id in 0..9 {
        ledger.commit(&world, &[("Orders", id)]).await;
    }
    world.hold_clock(false);
    ledger.commit(&world, &[("Orders", 0), ("Other", 0)]).await;
    topic::await_count(&world, &world.topic("Orders"), 4).await;
    // The next query returns them in another order: two that are already published, then others.
    changes.hold(&root, 4).unwrap();
    changes.break_off(&root).unwrap();
    topic::await_count(&world, &world.topic("Orders"), 5).await;
    worker.crash().await;
    changes.release(&root).unwrap();
    let worker = Worker::start(&world, &config);
    settle_and_check(&world, worker, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_end_of_a_query_loses_and_repeats_nothing() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, 3).unwrap();
    let worker = Worker::start(&world, &world.config(&pipeline(10)));
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..30 {
        ledger.commit(&world, &rows_of_both(0..10)).await;
        let live = changes.live().unwrap();
        changes.drop_out(&live[round % live.len()]).unwrap();
        if round % 10 == 9 {
            ledger.settle(&world).await;
        }
    }
    settle_and_check(&world, worker, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_at_a_split_loses_and_repeats_nothing() {
    let (world, changes, _) = fake_world().await;
    let config = world.config(&pipeline(5));
    let mut worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..6 {
        let parent = changes.live().unwrap().remove(0);
        ledger.commit(&world, &rows_of_both(0..20)).await;
        let children = changes.split(&parent, 2).unwrap();
        ledger.commit(&world, &rows_of_both(0..20)).await;
        let is_queried = |token: &str| info(&changes, token).queries > 0;
        match round % 3 {
            // The worker crashes before it knows of the split.
            0 => {}
            // The parent has returned a part of its records, and no children.
            1 => {
                changes.hold(&parent, 3).unwrap();
                worker.crash().await;
                worker = Worker::start(&world, &config);
                wait_for("query of the parent", async || is_queried(&parent)).await;
                changes.release(&parent).unwrap();
            }
            // The children are read, and the first of them is held.
            _ => {
                changes.hold(&children[0], 1).unwrap();
                wait_for("query of a child", async || is_queried(&children[0]) || is_queried(&children[1]))
                    .await;
                changes.release(&children[0]).unwrap();
            }
        }
        worker.crash().await;
        worker = Worker::start(&world, &config);
    }
    settle_and_check(&world, worker, &ledger).await;
    assert_eq!(changes.live().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_at_a_merge_loses_and_repeats_nothing() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, 4).unwrap();
    let config = world.config(&pipeline(5));
    let mut worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for merges in 1..=3 {
        let live = changes.live().unwrap();
        let (slow, quick) = (&live[0], &live[1]);
        ledger.commit(&world, &rows_of_both(0..20)).await;
        ledger.settle(&world).await;
        changes.hold(slow, 1).unwrap();
        ledger.commit(&world, &rows_of_both(0..20)).await;
        let child = changes.merge(&[slow, quick]).unwrap();
        ledger.commit(&world, &rows_of_both(0..20)).await;
        // One parent is finished and the other is not: the child must wait, before and after the crash.
        wait_for("end of one parent", async || Lineage::read(&world).await.has(&child)).await;
        worker.crash().await;
        worker = Worker::start(&world, &config);
        let is_queried = |token: &str| info(&changes, token).queries > 0;
        wait_for("query of the slow parent", async || is_queried(slow)).await;
        assert!(!is_queried(&child));
        changes.release(slow).unwrap();
        wait_for("query of the child", async || is_queried(&child)).await;
        worker.crash().await;
        worker = Worker::start(&world, &config);
        assert_eq!(changes.live().unwrap().len(), 4 - merges);
    }
    settle_and_check(&world, worker, &ledger).await;
}

/// The number of live tokens of one worker.
const TOKENS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_token_does_not_delay_300_others() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, u32::try_from(TOKENS).unwrap()).unwrap();
    changes.set_most_mods(1).unwrap();
    let worker = Worker::start(&world, &world.config(&pipeline(1000)));
    await_origin(&world).await;
    wait_for("query of each token", async || {
        changes.tokens().unwrap().iter().filter(|info| info.queries > 0).count() == TOKENS
    })
    .await;
    let slow = changes.live().unwrap().remove(TOKENS / 2);
    changes.hold(&slow, 0).unwrap();
    let mut ledger = Ledger::default();
    for round in 0..3 {
        for from in (0..2000).step_by(200) {
            ledger.commit(&world, &rows_of_both(from..from + 100 + round)).await;
        }
    }
    let held = info(&changes, &slow).records;
    assert!(held > 0, "the slow token has no records");
    let all = ledger.count("Orders") + ledger.count("Other");
    wait_for("record of all other tokens", async || {
        let mut published = 0;
        for table in ["Orders", "Other"] {
            published += topic::records(&world, &world.topic(table)).await.len();
        }
        assert!(published <= all - held, "{published} records of {all} less {held}");
        published == all - held
    })
    .await;
    changes.release(&slow).unwrap();
    settle_and_check(&world, worker, &ledger).await;
}
