//! All workers of one service.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::Result;
use crate::worker::{Metrics, Service, Setup, Usage, Worker};

/// From its start until a worker is at work.
const READY: Duration = Duration::from_secs(90);
/// From SIGTERM to the end of a worker.
const STOP: Duration = Duration::from_secs(60);

/// The workers of one service, and what those did that are gone.
pub(super) struct Fleet {
    setup: Setup,
    service: Service,
    workers: Vec<Worker>,
    /// Of each worker's processes before the present one.
    usage: Vec<Usage>,
    metrics: Metrics,
    kills: usize,
}

/// What a fleet did.
pub(super) struct Summary {
    pub(super) metrics: Metrics,
    /// Of all processes; memory is the most that one of them had.
    pub(super) usage: Usage,
    pub(super) kills: usize,
}

impl Fleet {
    pub(super) fn start(setup: &Setup, service: Service, size: usize) -> Result<Self> {
        let workers = (1..=size)
            .map(|number| Worker::start(setup, service, &format!("{}-{number}", service.name())))
            .collect::<Result<Vec<_>>>()?;
        let usage = vec![Usage::default(); workers.len()];
        Ok(Self { setup: setup.clone(), service, workers, usage, metrics: Metrics::default(), kills: 0 })
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    /// Waits until all are at work.
    pub(super) async fn ready(&mut self) -> Result<()> {
        for worker in &mut self.workers {
            worker.ready(READY).await?;
        }
        Ok(())
    }

    /// All run, unless this is an error.
    pub(super) fn check(&mut self) -> Result<()> {
        self.workers.iter_mut().try_for_each(Worker::check)
    }

    pub(super) fn kills(&self) -> usize {
        self.kills
    }

    /// Kills one of them, as in a crash, and starts it again.
    pub(super) async fn kill_one(&mut self, random: &mut ChaCha8Rng) -> Result<()> {
        let index = random.random_range(0..self.workers.len());
        self.remember(index).await;
        let Some(worker) = self.workers.get_mut(index) else { return Ok(()) };
        worker.kill().await?;
        *worker = Worker::start(&self.setup, self.service, worker.name())?;
        self.kills += 1;
        Ok(())
    }

    /// Ends all of them cleanly.
    pub(super) async fn stop(mut self) -> Result<Summary> {
        for index in 0..self.workers.len() {
            self.remember(index).await;
        }
        for worker in self.workers {
            worker.stop(STOP).await?;
        }
        let usage = self.usage.into_iter().reduce(Usage::and).unwrap_or_default();
        Ok(Summary { metrics: self.metrics, usage, kills: self.kills })
    }

    /// Their admin ports.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.workers.iter().filter_map(Worker::admin).collect()
    }

    /// The ends of their logs.
    pub(super) fn logs(&self) -> String {
        let logs = self.workers.iter().map(|worker| format!("{}: {}", worker.name(), worker.log_end()));
        logs.collect::<Vec<_>>().join("\n")
    }

    /// Adds what a worker did, before it is gone. One that does not answer yet has done nothing to tell of.
    async fn remember(&mut self, index: usize) {
        let Some(worker) = self.workers.get(index) else { return };
        if let Ok(metrics) = worker.metrics().await {
            self.metrics.add(&metrics);
        }
        if let (Some(before), Some(usage)) = (self.usage.get_mut(index), worker.usage()) {
            *before = before.and(usage);
        }
    }
}
