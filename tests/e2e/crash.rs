//! kill -9 of each service, at moments of a run that chance picks; and workers that stand still, and wake up as zombies.

use rand::RngExt;
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::bed::bed;
use super::invariants;
use super::world::{LIMIT, World};

const RECORDS: i64 = 3000;
const KILLS: i64 = 5;

#[tokio::test]
async fn ingest_is_killed_at_random_moments() {
    killed(Service::Ingest).await;
}

#[tokio::test]
async fn publish_is_killed_at_random_moments() {
    killed(Service::Publish).await;
}

/// Records come in portions; in each, after a random number of them is applied, the victim is killed.
async fn killed(victim: Service) {
    let world = World::new(bed().await).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    let portion = RECORDS / KILLS;
    for kill in 0..KILLS {
        let numbers = kill * portion..(kill + 1) * portion;
        let moment = u64::try_from(rand::rng().random_range(numbers.clone())).unwrap();
        println!("kill {kill} of {} after {moment} records", victim.name());
        world.produce(numbers).await;
        world.wait_applied(moment, &mut [&mut ingest, &mut publish]).await;
        let worker: &mut WorkerProcess = if victim == Service::Ingest { &mut ingest } else { &mut publish };
        worker.kill().await.unwrap();
        *worker = world.start(victim, victim.name());
    }
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    ingest.stop(LIMIT).await.unwrap();
    publish.stop(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_frozen_ingest_worker_wakes_up_as_a_zombie() {
    let world = World::new(bed().await).await;
    let mut publish = world.start_ready(Service::Publish, "publish").await;
    let mut frozen = world.start_ready(Service::Ingest, "frozen").await;
    world.produce(0..1500).await;
    world.wait_applied(300, &mut [&mut frozen, &mut publish]).await;
    frozen.freeze().unwrap();
    let mut other = world.start(Service::Ingest, "other");
    world.produce(1500..2500).await;
    // All of it: the group has taken every partition from the frozen one.
    world.wait_applied(2500, &mut [&mut other, &mut publish]).await;
    frozen.thaw().unwrap();
    world.produce(2500..3000).await;
    invariants::check(&world, &mut [&mut frozen, &mut other, &mut publish]).await;
    for worker in [frozen, other, publish] {
        worker.stop(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_frozen_publish_worker_wakes_up_as_a_zombie() {
    let world = World::new(bed().await).await;
    let mut ingest = world.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = world.start_ready(Service::Publish, "frozen").await;
    world.produce(0..1500).await;
    world.wait_applied(800, &mut [&mut ingest, &mut frozen]).await;
    // With whatever transactions are open now.
    frozen.freeze().unwrap();
    let mut other = world.start(Service::Publish, "other");
    world.produce(1500..2500).await;
    world.wait_applied(2500, &mut [&mut ingest, &mut other]).await;
    invariants::each_change_exactly_once(&world, &mut [&mut other]).await;
    frozen.thaw().unwrap();
    world.produce(2500..3000).await;
    invariants::check(&world, &mut [&mut ingest, &mut frozen, &mut other]).await;
    for worker in [ingest, frozen, other] {
        worker.stop(LIMIT).await.unwrap();
    }
}
