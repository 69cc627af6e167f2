//! kill -9 of each service, at moments of a run that chance picks.

use rand::RngExt;
use spanbridge::worker::{Service, Worker};

use super::bed::bed;
use super::invariants;
use super::world::World;

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
    let mut ingest = world.ready(Service::Ingest, "ingest").await;
    let mut publish = world.ready(Service::Publish, "publish").await;
    let portion = RECORDS / KILLS;
    for kill in 0..KILLS {
        let numbers = kill * portion..(kill + 1) * portion;
        let moment = u64::try_from(rand::rng().random_range(numbers.clone())).unwrap();
        println!("kill {kill} of {} after {moment} records", victim.name());
        world.produce(numbers).await;
        world.wait_applied(moment, &mut [&mut ingest, &mut publish]).await;
        let worker: &mut Worker = if victim == Service::Ingest { &mut ingest } else { &mut publish };
        worker.kill().await.unwrap();
        *worker = world.start(victim, victim.name());
    }
    invariants::check(&world, &mut [&mut ingest, &mut publish]).await;
    ingest.stop(super::world::LIMIT).await.unwrap();
    publish.stop(super::world::LIMIT).await.unwrap();
}
