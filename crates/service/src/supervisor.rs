//! The supervisor of one pipeline: starts it, and restarts it after failures and changed secrets.
//!
//! The rules are in docs/design/supervision.md. Every restart continues from the stored positions, so the number and the
//! moment of restarts never affect data.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use spanbridge_telemetry::admin::{Liveness, PipelineReadiness, Readiness};
use spanbridge_telemetry::metrics::{self, counter, gauge};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::repeats::{REPEAT_INTERVAL, Repeats};
use crate::restart_budget::RestartBudget;
use crate::{FailureClass, PipelineFailure, RestartLimits};

/// The detail of `/status` that shows restarts and the stop of a pipeline.
const SUPERVISION: &str = "supervision";

/// The parts of a process that the supervisors of its pipelines share.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// The name of the service: `ingest` or `publish`.
    pub service: &'static str,
    /// The pipelines of `/readyz` and `/status`.
    pub readiness: Readiness,
    /// The loops of `/livez`.
    pub liveness: Liveness,
    /// The token that is cancelled when the process is to stop.
    pub shutdown: CancellationToken,
    /// The generation of the secrets. Each change restarts all pipelines.
    pub secrets: watch::Receiver<u64>,
    /// The limits of restarts.
    pub limits: RestartLimits,
}

/// The end of one run of a pipeline.
enum RunEnd<E> {
    /// The pipeline has ended: it was told to, or it reached its end.
    Ended,
    /// Changed secrets ended the run.
    Secrets,
    /// The run failed.
    Failed(E),
}

impl Supervisor {
    /// Runs one pipeline until the shutdown, its own end, or a failure after which it does not restart.
    ///
    /// `start` is called for each run, with the token that ends this run. Each run is a separate task, so that a panic
    /// ends only the run.
    ///
    /// # Errors
    /// The failure after which the pipeline stopped.
    pub async fn supervise<E, F>(
        &self,
        pipeline: &str,
        start: impl Fn(CancellationToken) -> F,
    ) -> Result<(), E>
    where
        E: PipelineFailure,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let mut budget = RestartBudget::new(self.limits);
        let mut lines = Repeats::new(REPEAT_INTERVAL);
        let mut secrets = self.secrets.clone();
        let stopped = gauge!(metrics::PIPELINE_STOPPED, "pipeline" => pipeline.to_owned());
        stopped.set(0.0);
        loop {
            let started = Instant::now();
            // The reason of the last failure stays until the pipeline reports that it works.
            let detail = json!({ "state": "running", "failures": budget.failures() });
            self.readiness.register(pipeline).set_detail(SUPERVISION, detail);
            let failure = match self.run(pipeline, &start, &mut secrets).await {
                RunEnd::Ended => return Ok(()),
                RunEnd::Secrets => {
                    tracing::info!(pipeline, "the pipeline restarts with changed secrets");
                    self.count_restart(pipeline, "secrets");
                    continue;
                }
                RunEnd::Failed(failure) => failure,
            };
            self.forget_loop(pipeline);
            if self.shutdown.is_cancelled() && failure.class() != FailureClass::Permanent {
                tracing::warn!(pipeline, code = failure.code(), "failed during the shutdown: {failure}");
                return Ok(());
            }
            let pause = budget.count(failure.class(), started, Instant::now());
            let ready = self.readiness.register(pipeline);
            let Some(pause) = pause else {
                tracing::error!(pipeline, code = failure.code(), "the pipeline has stopped: {failure}");
                report(&ready, "stopped", budget.failures(), &failure);
                stopped.set(1.0);
                return Err(failure);
            };
            let failures = budget.failures();
            if let Some(left_out) = lines.next(Instant::now(), failure.code()) {
                tracing::warn!(
                    pipeline,
                    code = failure.code(),
                    failures,
                    left_out,
                    ?pause,
                    "the pipeline failed and restarts: {failure}"
                );
            }
            report(&ready, "restarting", failures, &failure);
            self.count_restart(pipeline, "failure");
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
                Ok(()) = secrets.changed() => tracing::info!(pipeline, "the secrets have changed"),
            }
        }
    }

    /// Runs the pipeline once. A change of the secrets ends the run.
    async fn run<E, F>(
        &self,
        pipeline: &str,
        start: &impl Fn(CancellationToken) -> F,
        secrets: &mut watch::Receiver<u64>,
    ) -> RunEnd<E>
    where
        E: PipelineFailure,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        secrets.mark_unchanged();
        let stop = self.shutdown.child_token();
        // The set aborts the task when this future is dropped.
        let mut task = JoinSet::from_iter([start(stop.clone())]);
        let mut is_current = true;
        loop {
            tokio::select! {
                ended = task.join_next() => {
                    let failure = match ended {
                        Some(Ok(Ok(()))) | None if is_current || self.shutdown.is_cancelled() => {
                            return RunEnd::Ended;
                        }
                        Some(Ok(Ok(()))) | None => return RunEnd::Secrets,
                        Some(Ok(Err(failure))) => failure,
                        // Tokio's panic message may hold data, and the panic hook has printed it.
                        Some(Err(_)) => E::panicked(pipeline),
                    };
                    if is_current {
                        return RunEnd::Failed(failure);
                    }
                    tracing::warn!(pipeline, code = failure.code(), "failed with the previous secrets: {failure}");
                    self.forget_loop(pipeline);
                    return RunEnd::Secrets;
                }
                Ok(()) = secrets.changed(), if is_current => {
                    tracing::info!(pipeline, "the secrets have changed; the pipeline finishes its work");
                    is_current = false;
                    stop.cancel();
                }
            }
        }
    }

    /// Ends the watch of a loop that no longer runs, so that `/livez` reports only loops that are stuck.
    fn forget_loop(&self, pipeline: &str) {
        let name = format!("{} {pipeline}", self.service);
        self.liveness.register(name, std::time::Duration::MAX).done();
    }

    fn count_restart(&self, pipeline: &str, cause: &'static str) {
        counter!(metrics::PIPELINE_RESTARTS_TOTAL, "pipeline" => pipeline.to_owned(), "cause" => cause)
            .increment(1);
    }
}

/// Shows a failure in `/readyz` and `/status`.
fn report(ready: &PipelineReadiness, state: &str, failures: u32, failure: &impl PipelineFailure) {
    ready.set_not_ready(format!("{state}: {failure}"));
    let detail = json!({ "state": state, "failures": failures, "code": failure.code() });
    ready.set_detail(SUPERVISION, detail);
}

/// Runs all pipelines of a process, each under the supervisor, until none is left.
///
/// `is_fail_fast`: the first pipeline that stops because of a failure also ends the others.
///
/// # Errors
/// The failure of the pipeline that stopped first.
pub async fn supervise_all<E, S, F>(
    supervisor: Supervisor,
    pipelines: Vec<(String, S)>,
    is_fail_fast: bool,
) -> Result<(), E>
where
    E: PipelineFailure,
    S: Fn(CancellationToken) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    let supervisor = Arc::new(supervisor);
    let mut running: JoinSet<Result<(), E>> = JoinSet::new();
    for (pipeline, start) in pipelines {
        let supervisor = supervisor.clone();
        running.spawn(async move { supervisor.supervise(&pipeline, start).await });
    }
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let Ok(Err(failure)) = ended else { continue };
        if is_fail_fast {
            supervisor.shutdown.cancel();
        }
        outcome = outcome.and(Err(failure));
    }
    outcome
}

#[cfg(test)]
mod tests;
