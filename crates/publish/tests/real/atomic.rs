//! Atomic pipelines: each Spanner transaction is whole in one Kafka transaction, and all are in the order of commits.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use spanbridge_fake_spanner::ChangeStreamControl;

use crate::exactly_once::await_origin;
use crate::ledger::Ledger;
use crate::token_lifecycle::{PIPELINE, fake_world, rows_of_both, settle_and_check, wait_for};
use crate::topic;
use crate::worker::Worker;
use crate::world::World;

const TABLES: [&str; 2] = ["Orders", "Other"];

/// The lines of an atomic pipeline whose Kafka transactions hold one Spanner transaction each, with topics of one
/// partition.
fn atomic(more: &str) -> String {
    let one = PIPELINE.replace("partitions = 3", "partitions = 1");
    format!("{one}atomic = true\ntransaction = {{ max_records = 1, max_wait = \"5ms\" }}\n{more}")
}

/// The transaction, commit timestamp and offset of a record.
struct RecordPosition {
    transaction: String,
    commit: i64,
    offset: i64,
}

async fn record_positions(world: &World, table: &str) -> Vec<RecordPosition> {
    let records = topic::records(world, &world.topic(table)).await;
    let positions = records.into_iter().map(|record| {
        let value: Json = serde_json::from_slice(&record.value.unwrap()).unwrap();
        let source = &value["source"];
        RecordPosition {
            transaction: source["server_transaction_id"].as_str().unwrap().to_owned(),
            commit: source["ts_ns"].as_i64().unwrap(),
            offset: record.offset,
        }
    });
    positions.collect()
}

/// Asserts that the transactions of each topic are whole and in the order of commits. The marker of a Kafka transaction
/// takes an offset: there is one between two transactions and none within. Both topics must have the same transactions.
async fn check_transactions(world: &World) {
    let mut transactions = Vec::new();
    for table in TABLES {
        let (positions, mut seen) = (record_positions(world, table).await, BTreeSet::new());
        for pair in positions.windows(2) {
            let [one, next] = pair else { continue };
            assert!(one.commit <= next.commit, "out of order at offset {} of {table}", next.offset);
            let same = one.transaction == next.transaction;
            assert_eq!(same, next.offset == one.offset + 1, "torn at offset {} of {table}", next.offset);
            assert!(same || seen.insert(one.transaction.clone()), "in two pieces at offset {}", next.offset);
        }
        transactions
            .push(positions.into_iter().map(|position| position.transaction).collect::<BTreeSet<_>>());
    }
    assert_eq!(transactions[0], transactions[1]);
}

async fn count(world: &World) -> usize {
    topic::records(world, &world.topic("Orders")).await.len()
}

/// Splits a token or merges two, in turns.
fn split_or_merge(changes: &ChangeStreamControl, round: usize) {
    let live = changes.live().unwrap();
    if round.is_multiple_of(2) {
        changes.split(&live[round % live.len()], 3).unwrap();
    } else {
        changes.merge(&[&live[0], &live[1]]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_splits_and_merges_tear_no_transaction() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, 4).unwrap();
    changes.set_most_mods(2).unwrap();
    let config = world.config(&atomic("shards = 1\n"));
    let mut worker = Worker::start(&world, &config);
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for round in 0..6_usize {
        for _ in 0..6 {
            ledger.commit(&world, &rows_of_both(0..12)).await;
        }
        split_or_merge(&changes, round);
        for _ in 0..6 {
            ledger.commit(&world, &rows_of_both(0..12)).await;
        }
        let some = ledger.count("Orders") - 72;
        topic::await_count(&world, &world.topic("Orders"), some).await;
        worker.crash().await;
        check_transactions(&world).await;
        worker = Worker::start(&world, &config);
    }
    settle_and_check(&world, worker, &ledger).await;
    check_transactions(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_token_delays_all_transactions() {
    let (world, changes, root) = fake_world().await;
    let children = changes.split(&root, 3).unwrap();
    let worker = Worker::start(&world, &world.config(&atomic("")));
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    ledger.commit(&world, &rows_of_both(0..12)).await;
    ledger.settle(&world).await;
    let before = count(&world).await;
    changes.hold(&children[1], 0).unwrap();
    for _ in 0..10 {
        ledger.commit(&world, &rows_of_both(0..12)).await;
    }
    // The other tokens have returned all their records, which are a part of each transaction.
    let is_read = |token: &str| {
        let info = changes.tokens().unwrap().into_iter().find(|info| info.token == token).unwrap();
        info.told >= info.records
    };
    wait_for("the other tokens' records", async || is_read(&children[0]) && is_read(&children[2])).await;
    assert_eq!(count(&world).await, before);
    changes.release(&children[1]).unwrap();
    settle_and_check(&world, worker, &ledger).await;
    check_transactions(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transaction_begins_and_ends_once_over_all_tokens() {
    let (world, changes, root) = fake_world().await;
    changes.split(&root, 4).unwrap();
    changes.set_most_mods(2).unwrap();
    let worker =
        Worker::start(&world, &world.config(&atomic("transaction_topic = \"{name}.transactions\"\n")));
    await_origin(&world).await;
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.commit(&world, &rows_of_both(0..12)).await;
    }
    topic::await_count(&world, &world.topic("transactions"), 6).await;
    settle_and_check(&world, worker, &ledger).await;
    let events = topic::records(&world, &world.topic("transactions")).await;
    let events: Vec<Json> =
        events.iter().map(|record| serde_json::from_slice(record.value.as_ref().unwrap()).unwrap()).collect();
    assert_eq!(events.len(), 6);
    for pair in events.chunks(2) {
        assert_eq!((&pair[0]["status"], &pair[1]["status"]), (&"BEGIN".into(), &"END".into()));
        assert_eq!(pair[0]["id"], pair[1]["id"]);
        assert_eq!(pair[1]["event_count"], 24);
        let counts: Vec<_> = pair[1]["data_collections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| &table["event_count"])
            .collect();
        assert_eq!(counts, [12, 12]);
    }
    let orders = topic::records(&world, &world.topic("Orders")).await;
    let mut orders_seen: Vec<i64> = Vec::new();
    for record in orders.iter().take(12) {
        let value: Json = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        orders_seen.push(value["transaction"]["data_collection_order"].as_i64().unwrap());
    }
    assert_eq!(orders_seen, (1..=12).collect::<Vec<_>>());
}
