//! SIGTERM while data flows and Kafka or Spanner hangs.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use spanbridge_testbed::child_process::{Service, WorkerProcess};
use spanbridge_testbed::{Kafka, KafkaOptions, Source, Spanner, SpannerOptions};

use super::fixture::{Fixture, FixtureOptions, TIMEOUT};
use super::invariants;
use super::shared_testbed::testbed;

/// The default of `--shutdown-timeout`, and two seconds for a busy machine.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(25 + 2);

/// Processes that are suspended with SIGSTOP until this value is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn new(pids: impl IntoIterator<Item = u32>) -> Self {
        let pid = |pid: u32| Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        let pids: Vec<Pid> = pids.into_iter().map(pid).collect();
        assert!(!pids.is_empty());
        pids.iter().for_each(|pid| kill_process(*pid, Signal::STOP).unwrap());
        Self(pids)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A process may have been killed meanwhile.
        self.0.iter().for_each(|pid| _ = kill_process(*pid, Signal::CONT));
    }
}

/// Stops a worker with SIGTERM. The exit code may report that the work could not be finished.
async fn stop_in_time(worker: WorkerProcess) {
    if let Err(error) = worker.stop(SHUTDOWN_TIMEOUT).await {
        let text = error.to_string();
        assert!(text.contains("exit status: 1"), "{text}");
    }
}

/// Stops both workers while the other parts are frozen and data flows, and checks that the next workers continue with nothing
/// lost or doubled.
async fn stop_while_frozen(fixture: &Fixture, pids: impl IntoIterator<Item = u32>) {
    let mut ingest = fixture.start_ready(Service::Ingest, "ingest").await;
    let mut publish = fixture.start_ready(Service::Publish, "publish").await;
    fixture.produce(0..3000).await;
    fixture.wait_applied(300, &mut [&mut ingest, &mut publish]).await;
    let frozen = Frozen::new(pids);
    tokio::join!(stop_in_time(ingest), stop_in_time(publish));
    drop(frozen);
    let mut ingest = fixture.start(Service::Ingest, "ingest-again");
    let mut publish = fixture.start(Service::Publish, "publish-again");
    invariants::check(fixture, &mut [&mut ingest, &mut publish]).await;
    for worker in [ingest, publish] {
        worker.stop(TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn services_exit_in_time_when_kafka_hangs() {
    let testbed = testbed().await;
    // The controller must not replace the broker because it slept: its partitions would be without a leader for a moment.
    let properties = vec![("broker.session.timeout.ms".to_owned(), "120000".to_owned())];
    let options = KafkaOptions { source: Source::New, properties, ..KafkaOptions::default() };
    let kafka = Kafka::start(options).await.unwrap();
    let fixture = Fixture::with(&kafka, testbed.spanner().unwrap(), testbed, FixtureOptions::default()).await;
    stop_while_frozen(&fixture, kafka.pid()).await;
}

#[tokio::test]
async fn services_exit_in_time_when_spanner_hangs() {
    let testbed = testbed().await;
    let options = SpannerOptions { source: Source::New, ..SpannerOptions::default() };
    let spanner = Spanner::start(options).await.unwrap();
    let fixture = Fixture::with(testbed.kafka().unwrap(), &spanner, testbed, FixtureOptions::default()).await;
    stop_while_frozen(&fixture, spanner.pids()).await;
}
