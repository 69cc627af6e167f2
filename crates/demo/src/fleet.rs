//! Starts, kills and stops all workers of one service, and adds up what they did.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use spanbridge_testbed::child_process::{Metrics, ResourceUsage, Service, WorkerProcess, WorkerSetup};

use crate::error::Result;

/// The timeout from the start of a worker until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
/// The timeout from SIGTERM to the exit of a worker.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// The workers of one service, with the metrics and resource usage of earlier processes.
pub(super) struct Fleet {
    setup: WorkerSetup,
    service: Service,
    workers: Vec<WorkerProcess>,
    /// The usage of each worker's earlier processes.
    usage: Vec<ResourceUsage>,
    metrics: Metrics,
    kills: usize,
}

/// The work of a fleet.
pub(super) struct FleetSummary {
    pub(super) metrics: Metrics,
    /// The CPU time of all processes, and the largest memory of one process.
    pub(super) usage: ResourceUsage,
    pub(super) kills: usize,
}

impl Fleet {
    pub(super) fn start(setup: &WorkerSetup, service: Service, size: usize) -> Result<Self> {
        let workers = (1..=size)
            .map(|number| WorkerProcess::start(setup, service, &format!("{}-{number}", service.name())))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let usage = vec![ResourceUsage::default(); workers.len()];
        Ok(Self { setup: setup.clone(), service, workers, usage, metrics: Metrics::default(), kills: 0 })
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// Waits until all workers are ready.
    pub(super) async fn wait_until_ready(&mut self) -> Result<()> {
        for worker in &mut self.workers {
            worker.wait_until_ready(READY_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Checks that all workers still run.
    pub(super) fn check_running(&mut self) -> Result<()> {
        Ok(self.workers.iter_mut().try_for_each(WorkerProcess::check_running)?)
    }

    pub(super) fn kills(&self) -> usize {
        self.kills
    }

    /// Kills a random worker, as in a crash, and starts it again.
    pub(super) async fn kill_one(&mut self, random: &mut ChaCha8Rng) -> Result<()> {
        let index = random.random_range(0..self.workers.len());
        self.add_work_of(index).await;
        let Some(worker) = self.workers.get_mut(index) else { return Ok(()) };
        worker.kill().await?;
        *worker = WorkerProcess::start(&self.setup, self.service, worker.name())?;
        self.kills += 1;
        Ok(())
    }

    /// Stops all workers cleanly.
    pub(super) async fn stop(mut self) -> Result<FleetSummary> {
        for index in 0..self.workers.len() {
            self.add_work_of(index).await;
        }
        for worker in self.workers {
            worker.stop(SHUTDOWN_TIMEOUT).await?;
        }
        let usage = self.usage.into_iter().reduce(ResourceUsage::then).unwrap_or_default();
        Ok(FleetSummary { metrics: self.metrics, usage, kills: self.kills })
    }

    /// Returns the addresses of the workers' admin ports.
    pub(super) fn admin_addresses(&self) -> Vec<String> {
        self.workers.iter().filter_map(WorkerProcess::admin_address).collect()
    }

    /// Returns the ends of the workers' logs.
    pub(super) fn log_tails(&self) -> String {
        let logs = self.workers.iter().map(|worker| format!("{}: {}", worker.name(), worker.log_tail()));
        logs.collect::<Vec<_>>().join("\n")
    }

    /// Adds the metrics and the usage of a worker before it ends. A worker that does not answer yet has done no work.
    async fn add_work_of(&mut self, index: usize) {
        let Some(worker) = self.workers.get(index) else { return };
        if let Ok(metrics) = worker.metrics().await {
            self.metrics.merge(&metrics);
        }
        if let (Some(before), Some(usage)) = (self.usage.get_mut(index), worker.resource_usage()) {
            *before = before.then(usage);
        }
    }
}
