//! What Spanner does and its emulator does not: transactions over several tokens and records, several of one
//! timestamp, drop-outs, hundreds of tokens; and crashes at a moment that the test chooses.

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

/// A world with its change stream, and that one's only token.
pub(crate) async fn steered() -> (World, ChangeStreamControl, String) {
    let world = World::steered(&DDL).await;
    let changes = world.changes();
    let root = changes.live().unwrap().remove(0);
    (world, changes, root)
}

/// All is there, also after the end, and nothing else.
pub(crate) async fn settle_and_check(world: &World, worker: Worker, ledger: &Ledger) {
    ledger.settle(world).await;
    worker.stop().await;
    ledger.check(world).await;
}

fn info(changes: &ChangeStreamControl, token: &str) -> TokenInfo {
    changes.tokens().unwrap().into_iter().find(|info| info.token == token).unwrap()
}

/// Both tables' rows of these numbers.
pub(crate) fn both(ids: std::ops::Range<i64>) -> Vec<(&'static str, i64)> {
    ids.flat_map(|id| [("Orders", id), ("Other", id)]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_over_tokens_tables_and_records_are_there_once() {
    let (world, changes, root) = steered().await;
    changes.split(&root, 8).unwrap();
    changes.set_most_mods(2).unwrap();
    // A Kafka transaction holds a part of a Spanner transaction.
    let config = world.config(&pipeline(7));
    let mut first = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..4 {
        for _ in 0..10 {
            ledger.commit(&world, &both(0..20)).await;
        }
        let half = ledger.count("Orders") - 100;
        topic::await_count(&world, &world.topic("Orders"), half).await;
        if round % 2 == 0 {
            first.drop_dead().await;
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
async fn a_reconnect_and_a_crash_amid_transactions_of_one_timestamp() {
    let (world, changes, root) = steered().await;
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
    // The next query tells them in another order: two that are published already, then others.
    changes.hold(&root, 4).unwrap();
    changes.break_off(&root).unwrap();
    topic::await_count(&world, &world.topic("Orders"), 5).await;
    worker.drop_dead().await;
    changes.release(&root).unwrap();
    let worker = Worker::start(&world, &config);
    settle_and_check(&world, worker, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_outs_lose_nothing_and_repeat_nothing() {
    let (world, changes, root) = steered().await;
    changes.split(&root, 3).unwrap();
    let worker = Worker::start(&world, &world.config(&pipeline(10)));
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..30 {
        ledger.commit(&world, &both(0..10)).await;
        let live = changes.live().unwrap();
        changes.drop_out(&live[round % live.len()]).unwrap();
        if round % 10 == 9 {
            ledger.settle(&world).await;
        }
    }
    settle_and_check(&world, worker, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_a_split() {
    let (world, changes, _) = steered().await;
    let config = world.config(&pipeline(5));
    let mut worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..6 {
        let parent = changes.live().unwrap().remove(0);
        ledger.commit(&world, &both(0..20)).await;
        let children = changes.split(&parent, 2).unwrap();
        ledger.commit(&world, &both(0..20)).await;
        let told = |token: &str| info(&changes, token).queries > 0;
        match round % 3 {
            // Before the worker knows.
            0 => {}
            // The parent has told a part, and not of its children.
            1 => {
                changes.hold(&parent, 3).unwrap();
                worker.drop_dead().await;
                worker = Worker::start(&world, &config);
                wait_for("query of the parent", async || told(&parent)).await;
                changes.release(&parent).unwrap();
            }
            // The children are read, the one that would be first is held.
            _ => {
                changes.hold(&children[0], 1).unwrap();
                wait_for("query of a child", async || told(&children[0]) || told(&children[1])).await;
                changes.release(&children[0]).unwrap();
            }
        }
        worker.drop_dead().await;
        worker = Worker::start(&world, &config);
    }
    settle_and_check(&world, worker, &ledger).await;
    assert_eq!(changes.live().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_a_merge() {
    let (world, changes, root) = steered().await;
    changes.split(&root, 4).unwrap();
    let config = world.config(&pipeline(5));
    let mut worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for merges in 1..=3 {
        let live = changes.live().unwrap();
        let (slow, quick) = (&live[0], &live[1]);
        ledger.commit(&world, &both(0..20)).await;
        ledger.settle(&world).await;
        changes.hold(slow, 1).unwrap();
        ledger.commit(&world, &both(0..20)).await;
        let child = changes.merge(&[slow, quick]).unwrap();
        ledger.commit(&world, &both(0..20)).await;
        // One parent is finished, the other is not: the child must wait, before the crash and after it.
        wait_for("note of one parent", async || Lineage::read(&world).await.has(&child)).await;
        worker.drop_dead().await;
        worker = Worker::start(&world, &config);
        let is_queried = |token: &str| info(&changes, token).queries > 0;
        wait_for("query of the slow parent", async || is_queried(slow)).await;
        assert!(!is_queried(&child));
        changes.release(slow).unwrap();
        wait_for("query of the child", async || is_queried(&child)).await;
        worker.drop_dead().await;
        worker = Worker::start(&world, &config);
        assert_eq!(changes.live().unwrap().len(), 4 - merges);
    }
    settle_and_check(&world, worker, &ledger).await;
}

/// Live tokens of one worker.
const TOKENS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_tokens_and_a_laggard() {
    let (world, changes, root) = steered().await;
    changes.split(&root, u32::try_from(TOKENS).unwrap()).unwrap();
    changes.set_most_mods(1).unwrap();
    let worker = Worker::start(&world, &world.config(&pipeline(1000)));
    await_origin(&world).await;
    wait_for("query of each token", async || {
        changes.tokens().unwrap().iter().filter(|info| info.queries > 0).count() == TOKENS
    })
    .await;
    let laggard = changes.live().unwrap().remove(TOKENS / 2);
    changes.hold(&laggard, 0).unwrap();
    let mut ledger = Ledger::default();
    for round in 0..3 {
        for from in (0..2000).step_by(200) {
            ledger.commit(&world, &both(from..from + 100 + round)).await;
        }
    }
    let held = info(&changes, &laggard).records;
    assert!(held > 0, "the laggard has nothing to give");
    let all = ledger.count("Orders") + ledger.count("Other");
    wait_for("record of all other tokens", async || {
        let mut found = 0;
        for table in ["Orders", "Other"] {
            found += topic::records(&world, &world.topic(table)).await.len();
        }
        assert!(found <= all - held, "{found} records of {all} less {held}");
        found == all - held
    })
    .await;
    changes.release(&laggard).unwrap();
    settle_and_check(&world, worker, &ledger).await;
}
