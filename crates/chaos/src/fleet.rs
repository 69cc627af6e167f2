//! The workers of one service.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use spanbridge_testbed::child_process::{Metrics, Service, WorkerProcess, WorkerSetup};

use crate::Result;

/// The longest wait for a new worker of a rolling restart. It may not become ready while another fault lasts.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// The timeout from SIGTERM to the exit of a worker, which gives up its work after 25 s.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// The workers of one service. They are killed when the fleet is dropped.
pub(crate) struct Fleet {
    setup: WorkerSetup,
    service: Service,
    workers: Vec<WorkerProcess>,
    started: usize,
    /// The metrics of workers that have ended.
    metrics: Metrics,
    /// Messages about workers that exited on their own, or did not exit cleanly after SIGTERM.
    exits: Vec<String>,
}

impl Fleet {
    pub(crate) fn start(setup: &WorkerSetup, service: Service, size: u8) -> Result<Self> {
        let (workers, exits, metrics) = (Vec::new(), Vec::new(), Metrics::default());
        let mut fleet = Self { setup: setup.clone(), service, workers, started: 0, metrics, exits };
        for _ in 0..size {
            fleet.join()?;
        }
        Ok(fleet)
    }

    /// Starts one more worker, and returns its name.
    pub(crate) fn join(&mut self) -> Result<String> {
        self.started += 1;
        let name = format!("{}-{}", self.service.name(), self.started);
        self.workers.push(WorkerProcess::start(&self.setup, self.service, &name)?);
        Ok(name)
    }

    pub(crate) async fn wait_until_ready(&mut self, timeout: Duration) -> Result<()> {
        for worker in &mut self.workers {
            worker.wait_until_ready(timeout).await?;
        }
        Ok(())
    }

    /// Kills a random worker and starts another one.
    pub(crate) async fn kill_one(&mut self, random: &mut ChaCha8Rng) -> Result<()> {
        if self.workers.is_empty() {
            return Ok(());
        }
        let mut worker = self.workers.remove(random.random_range(0..self.workers.len()));
        self.add_metrics(&worker).await;
        worker.kill().await?;
        self.join()?;
        Ok(())
    }

    /// Suspends a random worker, and returns its name.
    pub(crate) fn freeze_one(&self, random: &mut ChaCha8Rng) -> Result<Option<String>> {
        if self.workers.is_empty() {
            return Ok(None);
        }
        let worker = &self.workers[random.random_range(0..self.workers.len())];
        worker.freeze()?;
        Ok(Some(worker.name().to_owned()))
    }

    /// Resumes a worker, if it still exists.
    pub(crate) fn thaw(&self, name: &str) -> Result<()> {
        self.workers.iter().filter(|worker| worker.name() == name).try_for_each(WorkerProcess::thaw)?;
        Ok(())
    }

    /// Stops a worker with SIGTERM, if it still exists.
    pub(crate) async fn leave(&mut self, name: &str) {
        if let Some(index) = self.workers.iter().position(|worker| worker.name() == name) {
            let worker = self.workers.remove(index);
            self.stop_one(worker).await;
        }
    }

    /// Replaces all workers one by one. Each new one has time to become ready before an old one stops.
    pub(crate) async fn roll(&mut self) -> Result<()> {
        for old in std::mem::take(&mut self.workers) {
            self.join()?;
            if let Some(new) = self.workers.last_mut() {
                // Another fault may keep the worker from being ready; then the old one stops all the same.
                let _ = new.wait_until_ready(READY_TIMEOUT).await;
            }
            // A suspended worker would not notice the signal.
            old.thaw()?;
            self.stop_one(old).await;
        }
        Ok(())
    }

    /// Starts workers again that have exited on their own.
    pub(crate) fn restart_exited(&mut self) -> Result<()> {
        let mut running = Vec::new();
        let mut missing = 0;
        for mut worker in std::mem::take(&mut self.workers) {
            match worker.check_running() {
                Ok(()) => running.push(worker),
                Err(error) => {
                    self.exits.push(error.to_string());
                    missing += 1;
                }
            }
        }
        self.workers = running;
        for _ in 0..missing {
            self.join()?;
        }
        Ok(())
    }

    /// Stops all workers.
    pub(crate) async fn stop(&mut self) {
        for worker in std::mem::take(&mut self.workers) {
            self.stop_one(worker).await;
        }
    }

    async fn stop_one(&mut self, worker: WorkerProcess) {
        self.add_metrics(&worker).await;
        if let Err(error) = worker.stop(SHUTDOWN_TIMEOUT).await {
            self.exits.push(error.to_string());
        }
    }

    /// Adds what a worker has counted. A suspended one, or one that has just started, does not answer.
    async fn add_metrics(&mut self, worker: &WorkerProcess) {
        let metrics = tokio::time::timeout(Duration::from_secs(2), worker.metrics()).await;
        if let Ok(Ok(metrics)) = metrics {
            self.metrics.merge(&metrics);
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn take_exits(&mut self) -> Vec<String> {
        std::mem::take(&mut self.exits)
    }

    /// Returns the states of the workers as they report them.
    pub(crate) async fn statuses(&self) -> String {
        let mut statuses = Vec::new();
        for worker in &self.workers {
            let status = worker.status().await.unwrap_or_else(|error| error.to_string());
            statuses.push(format!("{}: {}", worker.name(), status.trim()));
        }
        statuses.join("\n")
    }
}
