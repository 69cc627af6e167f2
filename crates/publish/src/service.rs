//! One pipeline from its start to its shutdown.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use spanbridge_config::Publish;
use spanbridge_kafka::Events;
use spanbridge_service::Context;
use spanbridge_telemetry::admin::{Heartbeat, PipelineReadiness};
use tokio_util::sync::CancellationToken;

use crate::assigned_shards::AssignedShards;
use crate::failure::Failure;
use crate::metrics::PipelineMetrics;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::ShardStatus;
use crate::startup::{self, REVOKE_TIMEOUT};
use crate::{Error, ErrorKind, stream_monitor, watermark_reader};

/// How often the main loop reports that it is alive, and updates readiness and gauges.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// The time without a heartbeat after which the main loop counts as stuck.
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(30);
/// How long all shards together may take to finish their transactions and close their producers.
const SHUTDOWN_TIMEOUT: Duration = REVOKE_TIMEOUT.saturating_add(Duration::from_secs(10));

/// Runs the pipeline until `shutdown`, together with all other workers that run it.
///
/// Waits for a service that becomes unavailable; readiness and the log report that. At `shutdown` each shard finishes the
/// transaction in flight, and the worker leaves the consumer group.
///
/// # Errors
/// The reason why the pipeline cannot start or continue; see [`ErrorKind`]. The stored state is consistent, so that a
/// restart continues from it. [`Error::class`] says whether a restart may succeed.
pub async fn run(context: Context, pipeline: &Publish, shutdown: CancellationToken) -> Result<(), Error> {
    let name = pipeline.name.to_string();
    let ready = context.readiness.register(&name);
    let heart = context.liveness.register(format!("publish {name}"), LIVENESS_TIMEOUT);
    let result = serve(&context, pipeline, &shutdown, &ready, &heart).await;
    match &result {
        Ok(()) => ready.set_not_ready("ended"),
        Err(error) => ready.set_not_ready(error.to_string()),
    }
    heart.done();
    result
}

async fn serve(
    context: &Context,
    publish: &Publish,
    shutdown: &CancellationToken,
    ready: &PipelineReadiness,
    heart: &Heartbeat,
) -> Result<(), Error> {
    let metrics = Arc::new(PipelineMetrics::new(&publish.name));
    let prepared = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        prepared = prepare(context, publish, &metrics) => prepared?,
        () = beat(heart) => return Ok(()),
    };
    let (pipeline, mut events) = prepared;
    let pipeline = Arc::new(pipeline);
    let mut shards = AssignedShards::new(pipeline.clone());
    let ended = tokio::select! {
        ended = run_group(&pipeline, &mut shards, &mut events, shutdown, ready, heart) => ended,
        passed = watermark_reader::follow(&pipeline) => passed,
        stopped = stream_monitor::watch(&pipeline) => stopped,
    };
    ready.set_not_ready("ending");
    let finished = tokio::select! {
        finished = shards.finish(SHUTDOWN_TIMEOUT) => finished,
        () = beat(heart) => Ok(()),
    };
    drop(shards);
    ready.set_detail("shards", json!([]));
    let Some(pipeline) = Arc::into_inner(pipeline) else {
        // A future of an ended shard may still hold the pipeline. Dropping the last reference leaves the group.
        return ended.and(finished);
    };
    if let Err(error) = pipeline.subscription.close().await {
        tracing::warn!(pipeline = %publish.name, %error, "Consumer group could not be left");
    }
    ended.and(finished)
}

/// Starts the pipeline. An error that may pass is [`ErrorKind::Unreachable`], after which the supervisor starts it again.
async fn prepare(
    context: &Context,
    publish: &Publish,
    metrics: &Arc<PipelineMetrics>,
) -> Result<(Pipeline, Events), Error> {
    startup::prepare(context, publish, metrics).await.map_err(|failure| {
        metrics.failure(&failure);
        let kind = match failure.action() {
            Action::Stop(kind) => kind,
            _ => ErrorKind::Unreachable,
        };
        failure.stop(kind, &publish.name, "start")
    })
}

/// Reports that the main loop is alive while it waits for something else.
async fn beat(heart: &Heartbeat) {
    loop {
        heart.beat();
        tokio::time::sleep(HEARTBEAT_INTERVAL).await;
    }
}

/// Forwards the events of the consumer group to the shards until shutdown or an error.
async fn run_group(
    pipeline: &Pipeline,
    shards: &mut AssignedShards,
    events: &mut Events,
    shutdown: &CancellationToken,
    ready: &PipelineReadiness,
    heart: &Heartbeat,
) -> Result<(), Error> {
    let mut beats = tokio::time::interval(HEARTBEAT_INTERVAL);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut group_error = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = beats.tick() => {
                heart.beat();
                report(pipeline, shards, ready, group_error.take());
            }
            ended = shards.next_ended() => ended?,
            event = events.recv() => {
                let Some(event) = event else {
                    let message = "the consumer group's thread has ended; report this with the log around it";
                    return Err(Error::new(ErrorKind::Bug, pipeline.name(), message));
                };
                if let Err(error) = shards.event(event).await {
                    let failure = Failure::Kafka(error);
                    pipeline.metrics.failure(&failure);
                    if let Action::Stop(kind) = failure.action() {
                        return Err(failure.stop(kind, pipeline.name(), "consumer group"));
                    }
                    tracing::warn!(pipeline = pipeline.name(), %failure, "Consumer group failed; it retries");
                    group_error = Some(failure.to_string());
                }
            }
        }
    }
}

/// Updates readiness and gauges.
fn report(
    pipeline: &Pipeline,
    shards: &AssignedShards,
    ready: &PipelineReadiness,
    group_error: Option<String>,
) {
    let statuses = shards.statuses();
    let metrics = &pipeline.metrics;
    let sum = |count: fn(&ShardStatus) -> usize| {
        let sum: usize = statuses.iter().map(|(_, status)| count(status)).sum();
        f64::from(u32::try_from(sum).unwrap_or(u32::MAX))
    };
    metrics.shards.set(f64::from(u32::try_from(statuses.len()).unwrap_or(u32::MAX)));
    metrics.tokens_running.set(sum(|status| status.tokens_running));
    metrics.tokens_waiting.set(sum(|status| status.tokens_waiting));
    metrics.tokens_finished.set(sum(|status| status.tokens_finished));
    metrics.snapshot_ranges.set(sum(|status| status.open_ranges));
    if let Some(watermark) = statuses.iter().filter_map(|(_, status)| status.watermark).min() {
        let lag = SystemTime::now().duration_since(watermark.into()).unwrap_or_default();
        metrics.watermark_lag.set(lag.as_secs_f64());
    }
    let shards = statuses.iter().map(|(shard, status)| {
        json!({
            "shard": shard,
            "running": status.is_running,
            "reason": status.reason,
            "tokens": {
                "running": status.tokens_running,
                "waiting": status.tokens_waiting,
                "finished": status.tokens_finished,
            },
            "snapshot_ranges": status.open_ranges,
            "watermark": status.watermark.map(|watermark| watermark.to_rfc3339()),
        })
    });
    ready.set_detail("shards", shards.collect());
    let waiting = statuses.iter().filter(|(_, status)| !status.is_running || status.reason.is_some());
    let mut reasons: Vec<String> = waiting
        .map(|(shard, status)| {
            let reason = status.reason.as_deref().unwrap_or("its state is being read");
            format!("shard {shard}: {reason}")
        })
        .collect();
    reasons.extend(group_error.map(|error| format!("consumer group: {error}")));
    if reasons.is_empty() {
        ready.set_ready();
    } else {
        ready.set_not_ready(reasons.join("; "));
    }
}
