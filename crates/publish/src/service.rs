//! One pipeline from its start to its shutdown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use spanbridge_config::Publish;
use spanbridge_kafka::Events;
use spanbridge_protocol::value::Timestamp;
use spanbridge_service::{Context, Part, PipelineHealth};
use spanbridge_telemetry::admin::Heartbeat;
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
    // An idle shard progresses with the heartbeats of its queries.
    let health = context.health.start(&name, pipeline.heartbeat * 3);
    let heart = context.liveness.register(format!("publish {name}"), LIVENESS_TIMEOUT);
    let state_topic = pipeline.state_topic();
    let result = tokio::select! {
        result = serve(&context, pipeline, &shutdown, &health, &heart) => result,
        never = health.watch() => match never {},
        never = health.probe_kafka(&context.kafka, &state_topic) => match never {},
        never = health.probe_registry(&context.registry) => match never {},
    };
    health.own([]);
    match &result {
        Ok(()) => health.block("ended"),
        Err(error) => health.block(error.to_string()),
    }
    heart.done();
    result
}

async fn serve(
    context: &Context,
    publish: &Publish,
    shutdown: &CancellationToken,
    health: &PipelineHealth,
    heart: &Heartbeat,
) -> Result<(), Error> {
    let metrics = Arc::new(PipelineMetrics::new(&publish.name, health.clone()));
    let prepared = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        prepared = prepare(context, publish, &metrics) => prepared?,
        () = beat(heart) => return Ok(()),
    };
    let (pipeline, mut events) = prepared;
    let pipeline = Arc::new(pipeline);
    health.unblock();
    let mut shards = AssignedShards::new(pipeline.clone());
    let ended = tokio::select! {
        ended = run_group(&pipeline, &mut shards, &mut events, shutdown, heart) => ended,
        passed = watermark_reader::follow(&pipeline) => passed,
        stopped = stream_monitor::watch(&pipeline) => stopped,
        never = health.probe_spanner(&pipeline.database) => match never {},
    };
    health.block("ending");
    let finished = tokio::select! {
        finished = shards.finish(SHUTDOWN_TIMEOUT) => finished,
        () = beat(heart) => Ok(()),
    };
    drop(shards);
    health.set_detail("shards", json!([]));
    pipeline.metrics.set_watermark_lag(None);
    let Some(pipeline) = Arc::into_inner(pipeline) else {
        // A future of an ended shard may still hold the pipeline. Dropping the last reference leaves the group.
        return ended.and(finished);
    };
    if let Err(error) = pipeline.subscription.close().await {
        tracing::warn!(pipeline = %publish.name, %error, "Consumer group could not be left");
    }
    ended.and(finished)
}

/// Starts the pipeline. After an error that may pass, the supervisor starts it again.
async fn prepare(
    context: &Context,
    publish: &Publish,
    metrics: &Arc<PipelineMetrics>,
) -> Result<(Pipeline, Events), Error> {
    let prepared = startup::prepare(context, publish, metrics).await.map_err(|failure| {
        metrics.failure(&failure);
        let kind = failure.kind_at_start();
        failure.stop(kind, &publish.name, "start")
    })?;
    Part::ALL.into_iter().for_each(|part| metrics.health.answered(part));
    Ok(prepared)
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
    heart: &Heartbeat,
) -> Result<(), Error> {
    let mut beats = tokio::time::interval(HEARTBEAT_INTERVAL);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut progress = ShardProgress::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = beats.tick() => {
                heart.beat();
                report(pipeline, shards, &mut progress);
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
                    if let Some(left_out) = pipeline.metrics.next_line(&failure, "group") {
                        tracing::warn!(
                            pipeline = pipeline.name(), %failure, left_out, "Consumer group failed; it retries"
                        );
                    }
                }
            }
        }
    }
}

/// The last sign of progress of each shard.
#[derive(Default)]
struct ShardProgress(BTreeMap<i32, (Option<Timestamp>, u64)>);

impl ShardProgress {
    /// Returns whether the shard has progressed since the last call: its watermark has moved, a query has answered, a
    /// transaction was committed, or it has no tokens.
    fn has_progressed(&mut self, shard: i32, status: &ShardStatus) -> bool {
        let now = (status.watermark, status.signs_of_progress);
        let has_moved = self.0.insert(shard, now).is_some_and(|before| before != now);
        status.is_running && (has_moved || status.tokens_running == 0)
    }
}

/// Updates readiness and gauges.
fn report(pipeline: &Pipeline, shards: &AssignedShards, progress: &mut ShardProgress) {
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
    let watermark = statuses.iter().filter_map(|(_, status)| status.watermark).min();
    metrics.set_watermark_lag(
        watermark.map(|at| SystemTime::now().duration_since(at.into()).unwrap_or_default()),
    );
    let details = statuses.iter().map(|(shard, status)| {
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
    let health = &metrics.health;
    health.set_detail("shards", details.collect());
    health.set_member(pipeline.subscription.is_member());
    let unit = |shard: i32| -> Arc<str> { format!("shard {shard}").into() };
    health.own(statuses.iter().map(|(shard, _)| unit(*shard)));
    progress.0.retain(|shard, _| statuses.iter().any(|(owned, _)| owned == shard));
    for (shard, status) in &statuses {
        let (has_progressed, unit) = (progress.has_progressed(*shard, status), unit(*shard));
        if has_progressed {
            health.progressed(&unit);
        }
        let starts = (!status.is_running).then_some("its state is being read");
        health.note(&unit, status.reason.as_deref().or(starts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(is_running: bool, tokens_running: usize, signs_of_progress: u64) -> ShardStatus {
        ShardStatus { is_running, tokens_running, signs_of_progress, ..ShardStatus::default() }
    }

    #[test]
    fn shard_progresses_with_each_sign_and_without_tokens() {
        let mut progress = ShardProgress::default();
        assert!(!progress.has_progressed(0, &status(true, 1, 7)), "the first look has nothing to compare");
        assert!(!progress.has_progressed(0, &status(true, 1, 7)));
        assert!(progress.has_progressed(0, &status(true, 1, 8)));
        assert!(progress.has_progressed(0, &status(true, 0, 8)));
        assert!(!progress.has_progressed(0, &status(false, 0, 9)), "its state is not read");
        let watermark = Some(Timestamp::from(SystemTime::now()));
        let moved = ShardStatus { watermark, ..status(true, 1, 9) };
        assert!(progress.has_progressed(0, &moved));
        assert!(!progress.has_progressed(0, &moved));
    }
}
