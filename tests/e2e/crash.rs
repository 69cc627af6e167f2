//! Each service is killed at random moments, or frozen until it resumes as a zombie.

use rand::RngExt;
use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, TIMEOUT};
use super::invariants;
use super::shared_testbed::testbed;

const RECORDS: i64 = 3000;
const KILLS: i64 = 5;

#[tokio::test]
async fn ingest_survives_kills_at_random_moments() {
    kill_repeatedly(Service::Ingest).await;
}

#[tokio::test]
async fn publish_survives_kills_at_random_moments() {
    kill_repeatedly(Service::Publish).await;
}

/// Produces records in portions, and kills the service in each portion after a random number of applied records.
async fn kill_repeatedly(victim: Service) {
    let fixture = Fixture::new(testbed().await).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let portion = RECORDS / KILLS;
    for kill in 0..KILLS {
        let numbers = kill * portion..(kill + 1) * portion;
        let moment = u64::try_from(rand::rng().random_range(numbers.clone())).unwrap();
        println!("kill {kill} of {} after {moment} records", victim.name());
        fixture.produce(numbers).await;
        fixture.wait_applied(moment, &mut [&mut ingest, &mut publish]).await;
        let worker: &mut WorkerProcess = if victim == Service::Ingest { &mut ingest } else { &mut publish };
        worker.kill().await.unwrap();
        *worker = fixture.start(victim, victim.name());
    }
    invariants::check(&fixture, &mut [&mut ingest, &mut publish]).await;
    ingest.stop(TIMEOUT).await.unwrap();
    publish.stop(TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn frozen_ingest_worker_resumes_as_a_zombie() {
    let fixture = Fixture::new(testbed().await).await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    let mut frozen = fixture.start_ready(Service::Ingest, "frozen").await;
    fixture.produce(0..1500).await;
    fixture.wait_applied(300, &mut [&mut frozen, &mut publish]).await;
    frozen.freeze().unwrap();
    let mut other = fixture.start(Service::Ingest, "other");
    fixture.produce(1500..2500).await;
    // All records are applied, because the group has reassigned every partition of the frozen worker.
    fixture.wait_applied(2500, &mut [&mut other, &mut publish]).await;
    frozen.thaw().unwrap();
    fixture.produce(2500..3000).await;
    invariants::check(&fixture, &mut [&mut frozen, &mut other, &mut publish]).await;
    for worker in [frozen, other, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn frozen_publish_worker_resumes_as_a_zombie() {
    let fixture = Fixture::new(testbed().await).await;
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut frozen = fixture.start_ready(Service::Publish, "frozen").await;
    fixture.produce(0..1500).await;
    fixture.wait_applied(800, &mut [&mut ingest, &mut frozen]).await;
    // The worker is frozen with any open transactions.
    frozen.freeze().unwrap();
    let mut other = fixture.start(Service::Publish, "other");
    fixture.produce(1500..2500).await;
    fixture.wait_applied(2500, &mut [&mut ingest, &mut other]).await;
    invariants::each_change_exactly_once(&fixture, &mut [&mut other]).await;
    frozen.thaw().unwrap();
    fixture.produce(2500..3000).await;
    invariants::check(&fixture, &mut [&mut ingest, &mut frozen, &mut other]).await;
    for worker in [ingest, frozen, other] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}
