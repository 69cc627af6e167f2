//! A position that the log no longer holds.

use spanbridge_kafka::{Admin, Offsets, TopicPartition};
use spanbridge_testbed::child_process::Service;

use super::bed::bed;
use super::invariants;
use super::world::{Choices, LIMIT, PARTITIONS, World, wait_for};

/// Applies some records, then lets the log lose some behind them that were never applied.
async fn lose(world: &World) -> i64 {
    let mut ingest = world.start_ready(Service::Ingest, "before").await;
    world.produce(0..400).await;
    invariants::drained(world, &mut [&mut ingest]).await;
    invariants::spanner_equals_the_fold(world).await;
    ingest.stop(LIMIT).await.unwrap();
    world.produce(400..800).await;
    let (admin, offsets) = (Admin::new(&world.kafka, LIMIT).unwrap(), Offsets::new(&world.kafka).unwrap());
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(world.topic.as_str(), partition);
        let end = offsets.watermarks(&at, LIMIT).await.unwrap().end;
        admin.delete_records(&at, end).await.unwrap();
    }
    i64::from(PARTITIONS)
}

#[tokio::test]
async fn a_gap_stops_with_what_was_lost() {
    let world = World::new(bed().await).await;
    lose(&world).await;
    let before =
        spanbridge_verify::positions::read(&world.database, &world.pipeline(Service::Ingest)).await.unwrap();
    let mut ingest = world.start(Service::Ingest, "after");
    wait_for("end of the worker", async || !matches!(ingest.exit_status(), Ok(None))).await;
    assert!(!ingest.exit_status().unwrap().unwrap().success());
    let log = ingest.log_tail();
    assert!(log.contains("SB-INGEST-GAP") && log.contains("but the log holds the offsets from"), "{log}");
    let after =
        spanbridge_verify::positions::read(&world.database, &world.pipeline(Service::Ingest)).await.unwrap();
    assert_eq!(before, after, "nothing is skipped in silence");
}

#[tokio::test]
async fn a_gap_may_be_skipped_and_is_recorded() {
    let bed = bed().await;
    let choices = Choices { ingest: "on_gap = \"skip\"", ..Choices::default() };
    let world = World::with(bed.kafka().unwrap(), bed.spanner().unwrap(), bed, choices).await;
    let partitions = lose(&world).await;
    let totals = world.database.table("Totals").await.unwrap().unwrap();
    let before = spanbridge_verify::rows::read(&world.database, &totals).await.unwrap();
    let mut ingest = world.start_ready(Service::Ingest, "after").await;
    invariants::drained(&world, &mut [&mut ingest]).await;
    let columns = [("FromOffset".to_owned(), spanbridge_protocol::value::Type::Int64)];
    let pipeline = world.pipeline(Service::Ingest);
    let gaps = world.database.read_prefix("BridgeGaps", &columns, vec![pipeline.into()]).await.unwrap();
    assert_eq!(i64::try_from(gaps.len()).unwrap(), partitions);
    let after = spanbridge_verify::rows::read(&world.database, &totals).await.unwrap();
    assert_eq!(before, after, "what is lost changes nothing");
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    invariants::each_change_exactly_once(&world, &mut [&mut publish]).await;
}
