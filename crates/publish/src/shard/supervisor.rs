//! Restarts a shard from its stored state until it is asked to stop or cannot continue.

use std::time::Duration;

use spanbridge_service::Backoff;
use tokio::time::Instant;

use super::inputs::ShardInputs;
use super::run::ShardRun;
use super::run_end::RunEnd;
use crate::Error;

/// The pause between two runs of a shard.
const RESTART_BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// The shortest pause after the shard was fenced. The group needs time to report the new owner.
const FENCED_PAUSE: Duration = Duration::from_secs(1);
/// A run of at least this length resets the backoff.
const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(60);

/// Owns the shard until it is asked to stop or the group assigns it elsewhere. Any doubt is resolved in one way: the
/// run is dropped, and the next one starts from the stored state.
///
/// # Errors
/// The cause that a person must fix; see [`crate::policy`].
pub(crate) async fn run_shard(mut inputs: ShardInputs) -> Result<(), Error> {
    let mut backoff = RESTART_BACKOFF;
    let mut pause = Duration::ZERO;
    loop {
        let started = Instant::now();
        let mut run = ShardRun::new(&inputs, pause);
        let end = run.run(&mut inputs.state_events, &mut inputs.stop_requests).await;
        inputs.status.lock().is_running = false;
        let (pipeline, shard) = (inputs.pipeline.name(), inputs.index);
        match end {
            RunEnd::Stopped(request) => {
                run.close().await;
                tracing::info!(pipeline, shard, "Shard stopped");
                drop(request);
                return Ok(());
            }
            RunEnd::Unassigned => {
                tracing::info!(pipeline, shard, "Shard is no longer assigned to this worker");
                return Ok(());
            }
            RunEnd::Failed(error) => return Err(error),
            RunEnd::Restart { reason, is_fenced } => {
                drop(run);
                if started.elapsed() >= BACKOFF_RESET_AFTER {
                    backoff.reset();
                }
                pause = backoff.next_pause();
                if is_fenced {
                    pause = pause.max(FENCED_PAUSE);
                    inputs.pipeline.metrics.shard_fenced();
                }
                let failures = backoff.failures();
                if let Some(left_out) = inputs.pipeline.metrics.health.next_line("restart") {
                    tracing::warn!(
                        pipeline,
                        shard,
                        failures,
                        ?pause,
                        reason,
                        left_out,
                        "Shard restarts from its stored state"
                    );
                }
                inputs.status.lock().reason = Some(reason);
            }
        }
    }
}
