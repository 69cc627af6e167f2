//! A publish worker that stands still for longer than Kafka keeps its transaction open.

use spanbridge_kafka::{Offsets, Reader, TopicPartition};
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::bed::bed;
use super::invariants;
use super::world::{Choices, LIMIT, World, wait_for};

/// Short, so that the broker need not be waited for; no commit of a worker that runs takes so long.
const TIMEOUT: &str = "\"transaction.timeout.ms\" = \"8000\"";
/// Orders of one attempt to find a transaction open.
const PORTION: i64 = 300;

async fn world() -> World {
    let bed = bed().await;
    let choices = Choices { kafka: TIMEOUT, ..Choices::default() };
    World::with(bed.kafka().unwrap(), bed.spanner().unwrap(), bed, choices).await
}

#[tokio::test]
async fn a_worker_wakes_up_after_the_broker_has_aborted_its_transaction() {
    let world = world().await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = world.start_ready(Service::Publish, "frozen").await;
    let orders = freeze_until_aborted(&world, &frozen).await;
    frozen.thaw().unwrap();
    world.produce(orders..orders + PORTION).await;
    invariants::check(&world, &mut [&mut ingest, &mut frozen]).await;
    for worker in [ingest, frozen] {
        worker.stop(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_wakes_up_after_another_has_gone_on_from_its_aborted_transaction() {
    let world = world().await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = world.start_ready(Service::Publish, "frozen").await;
    let orders = freeze_until_aborted(&world, &frozen).await;
    let mut other = world.start(Service::Publish, "other");
    invariants::drained(&world, &mut [&mut ingest]).await;
    invariants::each_change_exactly_once(&world, &mut [&mut other]).await;
    frozen.thaw().unwrap();
    world.produce(orders..orders + PORTION).await;
    invariants::check(&world, &mut [&mut ingest, &mut frozen, &mut other]).await;
    for worker in [ingest, frozen, other] {
        worker.stop(LIMIT).await.unwrap();
    }
}

/// Freezes the worker with a transaction open, and waits until the broker has aborted that. Nobody else could have:
/// there is no other worker. Answers how many orders there are.
async fn freeze_until_aborted(world: &World, worker: &WorkerProcess) -> i64 {
    let reader = Reader::new(&world.kafka, LIMIT).unwrap();
    let offsets = (Offsets::new(&world.kafka).unwrap(), Offsets::stable(&world.kafka).unwrap());
    let topic = format!("{}.Orders", world.pipeline(Service::Publish));
    let mut orders = 0;
    loop {
        world.produce(orders..orders + PORTION).await;
        orders += PORTION;
        wait_for("open transaction", async || open(&offsets, &topic).await.is_some()).await;
        worker.freeze().unwrap();
        if let Some((partition, begin)) = open(&offsets, &topic).await {
            // Waits until the transaction has ended.
            let records = reader.read_partition_to_end(&partition, Some(begin)).await.unwrap();
            if records.is_empty() {
                return orders;
            }
            println!("the commit of a transaction was on its way");
        }
        worker.thaw().unwrap();
    }
}

/// A partition whose last stable offset, which is answered, is below its end.
async fn open((ends, stable): &(Offsets, Offsets), topic: &str) -> Option<(TopicPartition, i64)> {
    for partition in 0..3 {
        let partition = TopicPartition::new(topic, partition);
        let (Ok(stable), Ok(end)) =
            (stable.watermarks(&partition, LIMIT).await, ends.watermarks(&partition, LIMIT).await)
        else {
            // The topic comes with the first record.
            return None;
        };
        if stable.end < end.end {
            return Some((partition, stable.end));
        }
    }
    None
}
