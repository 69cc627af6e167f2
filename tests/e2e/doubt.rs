//! Commits whose answer is lost, that happen twice or later, or that are aborted: Spanner's against its stand-in, as the
//! emulator does none of it; Kafka's behind a proxy.

use std::time::Duration;

use spanbridge_fake_spanner::{FakeSpanner, Fault, Latency, Loss};
use spanbridge_testbed::child_process::Service;
use spanbridge_testbed::{Kafka, KafkaOptions, Source};

use super::bed::bed;
use super::invariants;
use super::world::{Choices, LIMIT, World, ddl, wait_for};

const RECORDS: i64 = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_commits_of_ingest_leave_nothing_out_and_nothing_twice() {
    let bed = bed().await;
    let fake_spanner = FakeSpanner::builder().seed(7).start().await.unwrap();
    let at = [fake_spanner.grpc(), fake_spanner.rest()];
    let world =
        World::at(bed.kafka().unwrap(), [&at[0], &at[1]], &without_constraints(), bed, Choices::default())
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
    let mut first = world.start_ready(Service::Ingest, "first").await;
    world.produce(0..RECORDS / 2).await;
    let half = u64::try_from(RECORDS / 4).unwrap();
    world.wait_applied(half, &mut [&mut first]).await;
    let mut second = world.start_ready(Service::Ingest, "second").await;
    world.produce(RECORDS / 2..RECORDS).await;
    world.wait_applied(3 * half, &mut [&mut first, &mut second]).await;
    faults.clear();
    invariants::drained(&world, &mut [&mut first, &mut second]).await;
    invariants::spanner_equals_the_fold(&world).await;
    for worker in [first, second] {
        worker.stop(LIMIT).await.unwrap();
    }
}

/// Kafka's request that ends a transaction: <https://kafka.apache.org/protocol#protocol_api_keys>.
const END_TXN: i16 = 26;
const LOST: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn doubtful_commits_of_publish_leave_nothing_out_and_nothing_twice() {
    let bed = bed().await;
    let kafka = Kafka::start(KafkaOptions { source: Source::New, ..KafkaOptions::default() }).await.unwrap();
    let proxy = kafka.proxy().await.unwrap();
    let choices = Choices { bootstrap: Some(proxy.address()), ..Choices::default() };
    let world = World::with(&kafka, bed.spanner().unwrap(), bed, choices).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    for lost in 0..LOST {
        let from = i64::from(lost) * 400;
        proxy.lose_next_answer(END_TXN);
        world.produce(from..from + 400).await;
        wait_for("end of a transaction without an answer", async || {
            ingest.check_running().unwrap();
            publish.check_running().unwrap();
            proxy.lost_answers() > lost
        })
        .await;
    }
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(LIMIT).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_committed_side_by_side() {
    let bed = bed().await;
    let fake_spanner = FakeSpanner::builder().start().await.unwrap();
    let at = [fake_spanner.grpc(), fake_spanner.rest()];
    let world =
        World::at(bed.kafka().unwrap(), [&at[0], &at[1]], &without_constraints(), bed, Choices::default())
            .await;
    world.produce(0..RECORDS).await;
    fake_spanner.faults().set_latency(Latency::Fixed(Duration::from_millis(20)));
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(&world).await;
    // There are two pipelines: of three at once, two are of one.
    let peak = fake_spanner.log().peak();
    assert!(peak >= 3, "{peak} of {} commits at once", fake_spanner.log().records().len());
    ingest.stop(LIMIT).await.unwrap();
}

/// The stand-in has no CHECK.
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
