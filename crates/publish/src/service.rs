use std::sync::Arc;
use std::time::{Duration, SystemTime};

use spanbridge_config::Publish;
use spanbridge_kafka::Events;
use spanbridge_telemetry::admin::{Heartbeat, Ready};
use tokio_util::sync::CancellationToken;

use crate::assigned_shards::AssignedShards;
use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::metrics::PipelineMetrics;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::startup::{self, REVOKE_WAIT};
use crate::{Context, Error, ErrorKind, stream_monitor, watermark};

/// The main loop beats and tells how it fares so often.
const BEAT: Duration = Duration::from_secs(1);
/// Without a beat for so long it counts as stuck.
const SILENCE: Duration = Duration::from_secs(30);
/// While a part is away at the start.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
/// For all shards to finish at the end: their transactions, and their producers.
const FINISH_LIMIT: Duration = REVOKE_WAIT.saturating_add(Duration::from_secs(10));

/// Runs the pipeline until `shutdown`, together with all other workers that run it.
///
/// A part that is away is waited for; readiness and the log say so. At `shutdown` each shard ends the
/// transaction on its way, and the worker leaves the group.
///
/// # Errors
/// What only a person can mend; see [`ErrorKind`]. Nothing is half done then, and a new start goes on.
pub async fn run(context: Context, pipeline: &Publish, shutdown: CancellationToken) -> Result<(), Error> {
    let name = pipeline.name.to_string();
    let ready = context.readiness.register(&name);
    let heart = context.liveness.register(format!("publish {name}"), SILENCE);
    let result = serve(&context, pipeline, &shutdown, &ready, &heart).await;
    match &result {
        Ok(()) => ready.not_ready("ended"),
        Err(error) => ready.not_ready(error.to_string()),
    }
    heart.done();
    result
}

async fn serve(
    context: &Context,
    publish: &Publish,
    shutdown: &CancellationToken,
    ready: &Ready,
    heart: &Heartbeat,
) -> Result<(), Error> {
    let meter = Arc::new(PipelineMetrics::new(&publish.name));
    let prepared = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        prepared = prepare(context, publish, &meter, ready) => prepared?,
        () = beat(heart) => return Ok(()),
    };
    let (pipeline, mut events) = prepared;
    let pipeline = Arc::new(pipeline);
    let mut shards = AssignedShards::new(pipeline.clone());
    let ended = tokio::select! {
        ended = follow(&pipeline, &mut shards, &mut events, shutdown, ready, heart) => ended,
        passed = watermark::follow(&pipeline) => passed,
        unfit = stream_monitor::follow(&pipeline) => unfit,
    };
    ready.not_ready("ending");
    let finished = tokio::select! {
        finished = shards.finish(FINISH_LIMIT) => finished,
        () = beat(heart) => Ok(()),
    };
    drop(shards);
    let Some(pipeline) = Arc::into_inner(pipeline) else {
        // A future of an ended shard may still be on its way out; the last of them leaves the group.
        return ended.and(finished);
    };
    if let Err(error) = pipeline.subscription.close().await {
        tracing::warn!(pipeline = %publish.name, %error, "leave the group");
    }
    ended.and(finished)
}

/// The start, again and again while a part is away.
async fn prepare(
    context: &Context,
    publish: &Publish,
    meter: &Arc<PipelineMetrics>,
    ready: &Ready,
) -> Result<(Pipeline, Events), Error> {
    let mut pauses = PAUSES;
    loop {
        let failure = match startup::prepare(context, publish, meter).await {
            Ok(prepared) => return Ok(prepared),
            Err(failure) => failure,
        };
        if let Action::Stop(kind) = failure.action() {
            return Err(failure.stop(kind, &publish.name, "start"));
        }
        meter.failure(&failure);
        let pause = pauses.pause();
        tracing::warn!(pipeline = %publish.name, %failure, ?pause, "not started yet");
        ready.not_ready(format!("starting: {failure}"));
        tokio::time::sleep(pause).await;
    }
}

/// Beats for as long as somebody waits.
async fn beat(heart: &Heartbeat) {
    loop {
        heart.beat();
        tokio::time::sleep(BEAT).await;
    }
}

async fn follow(
    pipeline: &Pipeline,
    shards: &mut AssignedShards,
    events: &mut Events,
    shutdown: &CancellationToken,
    ready: &Ready,
    heart: &Heartbeat,
) -> Result<(), Error> {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut member = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = beats.tick() => {
                heart.beat();
                tell(pipeline, shards, ready, member.take());
            }
            ended = shards.ended() => ended?,
            event = events.recv() => {
                let Some(event) = event else {
                    let message = "the consumer group's thread has ended; report this with the log around it";
                    return Err(Error::new(ErrorKind::Bug, pipeline.name(), message));
                };
                if let Err(error) = shards.event(event).await {
                    let failure = Failure::Kafka(error);
                    pipeline.meter.failure(&failure);
                    if let Action::Stop(kind) = failure.action() {
                        return Err(failure.stop(kind, pipeline.name(), "consumer group"));
                    }
                    tracing::warn!(pipeline = pipeline.name(), %failure, "consumer group");
                    member = Some(failure.to_string());
                }
            }
        }
    }
}

/// Readiness and gauges.
fn tell(pipeline: &Pipeline, shards: &AssignedShards, ready: &Ready, member: Option<String>) {
    let states = shards.states();
    let meter = &pipeline.meter;
    let sum = |count: fn(&crate::shard_status::State) -> usize| {
        let sum: usize = states.iter().map(|(_, state)| count(state)).sum();
        f64::from(u32::try_from(sum).unwrap_or(u32::MAX))
    };
    meter.shards.set(f64::from(u32::try_from(states.len()).unwrap_or(u32::MAX)));
    meter.tokens_running.set(sum(|state| state.tokens_running));
    meter.tokens_waiting.set(sum(|state| state.tokens_waiting));
    meter.tokens_finished.set(sum(|state| state.tokens_finished));
    meter.snapshot_ranges.set(sum(|state| state.open_ranges));
    if let Some(watermark) = states.iter().filter_map(|(_, state)| state.watermark).min() {
        let lag = SystemTime::now().duration_since(watermark.into()).unwrap_or_default();
        meter.watermark_lag.set(lag.as_secs_f64());
    }
    let waits = states.iter().filter(|(_, state)| !state.running || state.reason.is_some());
    let mut reasons: Vec<String> = waits
        .map(|(shard, state)| {
            let reason = state.reason.as_deref().unwrap_or("its state is being read");
            format!("shard {shard}: {reason}")
        })
        .collect();
    reasons.extend(member.map(|error| format!("consumer group: {error}")));
    if reasons.is_empty() {
        ready.ready();
    } else {
        ready.not_ready(reasons.join("; "));
    }
}
