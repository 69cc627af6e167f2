//! Rolling upgrade and rollback while data flows.
//!
//! The other version is the binary that `SPANBRIDGE_PREVIOUS` names, such as one that was built from the tag of the
//! last release. Without the variable both versions are this one, and the test is a rolling restart.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use spanbridge_testbed::child_process::{Service, WorkerProcess};

use super::fixture::{Fixture, TIMEOUT};
use super::invariants;
use super::shared_testbed::testbed;

/// The longest time without progress. A worker that leaves in order hands its work over in about a second; one that does
/// not is noticed after the session timeout, and its transaction after a minute.
const MAX_STALL: Duration = Duration::from_secs(30);
/// The number of orders that are produced between two looks at the progress.
const PORTION: i64 = 20;

/// Produces orders, and measures the longest time in which none was applied.
struct Flow<'a> {
    fixture: &'a Fixture,
    produced: i64,
    applied: u64,
    last_progress: Instant,
    longest_stall: Duration,
}

impl<'a> Flow<'a> {
    fn new(fixture: &'a Fixture) -> Self {
        let (produced, applied) = (0, 0);
        Self { fixture, produced, applied, last_progress: Instant::now(), longest_stall: Duration::ZERO }
    }

    /// Continues until the future is ready.
    async fn during<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.step() => {}
            }
        }
    }

    async fn step(&mut self) {
        self.fixture.produce(self.produced..self.produced + PORTION).await;
        self.produced += PORTION;
        let applied = self.fixture.applied().await;
        if applied > self.applied {
            self.longest_stall = self.longest_stall.max(self.last_progress.elapsed());
            (self.applied, self.last_progress) = (applied, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Replaces the workers one by one: the new one is ready before the old one is stopped.
async fn replace(
    flow: &mut Flow<'_>,
    workers: Vec<(Service, WorkerProcess)>,
    executable: &Path,
    round: &str,
) -> Vec<(Service, WorkerProcess)> {
    let mut replaced = Vec::new();
    for (number, (service, old)) in workers.into_iter().enumerate() {
        let name = format!("{}-{round}-{number}", service.name());
        let mut new = flow.fixture.start_executable(executable.to_owned(), service, &name);
        flow.during(new.wait_until_ready(TIMEOUT)).await.unwrap();
        flow.during(old.stop(TIMEOUT)).await.unwrap();
        replaced.push((service, new));
    }
    replaced
}

#[tokio::test]
async fn rolling_upgrade_and_rollback_lose_and_repeat_nothing() {
    let fixture = Fixture::new(testbed().await).await;
    let current = PathBuf::from(env!("CARGO_BIN_EXE_spanbridge"));
    let previous = std::env::var_os("SPANBRIDGE_PREVIOUS").map_or_else(|| current.clone(), PathBuf::from);
    let mut workers = Vec::new();
    for service in [Service::Ingest, Service::Publish, Service::Ingest, Service::Publish] {
        let name = format!("{}-first-{}", service.name(), workers.len());
        let mut worker = fixture.start_executable(previous.clone(), service, &name);
        worker.wait_until_ready(TIMEOUT).await.unwrap();
        workers.push((service, worker));
    }
    let mut flow = Flow::new(&fixture);
    let workers = replace(&mut flow, workers, &current, "upgrade").await;
    let mut workers = replace(&mut flow, workers, &previous, "rollback").await;
    let (produced, stall) = (flow.produced, flow.longest_stall);
    println!("{produced} orders; the longest time without progress was {stall:?}");
    assert!(stall < MAX_STALL, "{stall:?}");
    let mut workers: Vec<&mut WorkerProcess> = workers.iter_mut().map(|(_, worker)| worker).collect();
    invariants::check(&fixture, &mut workers).await;
}
