use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanbridge_telemetry::admin::Readiness;

use super::pipeline_health::PipelineHealth;

/// The health of all pipelines of a process. Clones share it.
///
/// A pipeline that is restarted gets its old [`PipelineHealth`] again, so that an outage that lasts over the restart is
/// one outage in the log.
#[derive(Clone)]
pub struct Healths {
    readiness: Readiness,
    ready_timeout: Duration,
    pipelines: Arc<Mutex<BTreeMap<String, PipelineHealth>>>,
}

impl Healths {
    /// Returns the health of a process without pipelines. `ready_timeout` is the longest time without progress.
    #[must_use]
    pub fn new(readiness: Readiness, ready_timeout: Duration) -> Self {
        Self { readiness, ready_timeout, pipelines: Arc::default() }
    }

    /// Returns the health of a pipeline, which starts again if the pipeline has run before.
    ///
    /// `least_timeout` is the time that an idle pipeline may need between two signs of progress. It replaces a
    /// shorter `ready_timeout`.
    #[must_use]
    pub fn start(&self, pipeline: &str, least_timeout: Duration) -> PipelineHealth {
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let health = pipelines.entry(pipeline.to_owned()).or_insert_with(|| {
            let ready = self.readiness.register(pipeline);
            PipelineHealth::new(pipeline, ready, self.ready_timeout.max(least_timeout))
        });
        health.start();
        health.clone()
    }
}
