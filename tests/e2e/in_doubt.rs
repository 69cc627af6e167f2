//! Commits whose answer is lost, that happen twice or late, or that are aborted. Spanner's commits go to the fake Spanner,
//! because the emulator does none of this; Kafka's go through a proxy.

use std::time::Duration;

use spanbridge_fake_spanner::{FakeSpanner, Fault, Latency, Loss};
use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Kafka, KafkaOptions, Source};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT, ddl, wait_for};
use super::invariants;
use super::shared_testbed::testbed;

const RECORDS: i64 = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn in_doubt_ingest_commits_neither_lose_nor_repeat_records() {
    let testbed = testbed().await;
    let fake_spanner = FakeSpanner::builder().seed(7).start().await.unwrap();
    let at = [fake_spanner.grpc(), fake_spanner.rest()];
    let fixture = Fixture::at(
        testbed.kafka().unwrap(),
        [&at[0], &at[1]],
        &without_constraints(),
        testbed,
        FixtureOptions::default(),
    )
    .await;
    let faults = fake_spanner.faults();
    faults.set_latency(Latency::Fixed(Duration::from_millis(5)));
    let lost = [Loss::Unavailable, Loss::DeadlineExceeded, Loss::Reset];
    for fault in lost.map(Fault::LostBefore).into_iter().chain(lost.map(Fault::LostAfter)) {
        faults.share(fault, 0.02);
    }
    faults.share(Fault::Twice, 0.05);
    faults.share(Fault::Aborted, 0.05);
    faults.share(Fault::Late(Duration::from_millis(300)), 0.03);
    let mut first = fixture.start_ready(Service::Ingest, "first").await;
    fixture.produce(0..RECORDS / 2).await;
    let half = u64::try_from(RECORDS / 4).unwrap();
    fixture.wait_applied(half, &mut [&mut first]).await;
    let mut second = fixture.start_ready(Service::Ingest, "second").await;
    fixture.produce(RECORDS / 2..RECORDS).await;
    fixture.wait_applied(3 * half, &mut [&mut first, &mut second]).await;
    faults.clear();
    invariants::wait_until_drained(&fixture, &mut [&mut first, &mut second]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    for worker in [first, second] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

/// The API key of Kafka's `EndTxn` request: <https://kafka.apache.org/protocol#protocol_api_keys>.
const END_TXN: i16 = 26;
const LOST: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn in_doubt_publish_transactions_neither_lose_nor_repeat_changes() {
    let testbed = testbed().await;
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let proxy = kafka.proxy().await.unwrap();
    let choices = FixtureOptions { bootstrap: Some(proxy.address()), ..FixtureOptions::default() };
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, choices).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    for lost in 0..LOST {
        let from = i64::from(lost) * 400;
        proxy.lose_next_answer(END_TXN);
        fixture.produce(from..from + 400).await;
        wait_for("end of a transaction without an answer", async || {
            ingest.check_running().unwrap();
            publish.check_running().unwrap();
            proxy.lost_answers() > lost
        })
        .await;
    }
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_committed_concurrently() {
    let testbed = testbed().await;
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let at = [fake_spanner.grpc(), fake_spanner.rest()];
    let fixture = Fixture::at(
        testbed.kafka().unwrap(),
        [&at[0], &at[1]],
        &without_constraints(),
        testbed,
        FixtureOptions::default(),
    )
    .await;
    fixture.produce(0..RECORDS).await;
    fake_spanner.faults().set_latency(Latency::Fixed(Duration::from_millis(20)));
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    invariants::wait_until_drained(&fixture, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&fixture).await;
    // There are two pipelines, so of three concurrent commits two belong to the same pipeline.
    let peak = fake_spanner.log().peak();
    assert!(peak >= 3, "{peak} of {} commits at once", fake_spanner.log().records().len());
    ingest.stop(TIMEOUT).await.unwrap();
}

/// Returns the DDL without CHECK constraints, which the fake Spanner does not support.
pub(crate) fn without_constraints() -> Vec<String> {
    let known = |statement: &String| {
        ["CREATE TABLE", "CREATE CHANGE STREAM"].iter().any(|begin| statement.starts_with(begin))
    };
    let tables = ddl().into_iter().filter(known);
    let plain = |statement: String| {
        let lines = statement.lines().filter(|line| !line.trim_start().starts_with("CONSTRAINT"));
        lines.collect::<Vec<_>>().join("\n")
    };
    tables.map(plain).collect()
}
