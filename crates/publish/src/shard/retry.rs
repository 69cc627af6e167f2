//! Retries while a service is unavailable.

use std::time::Duration;

use spanbridge_service::Backoff;

use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::SharedShardStatus;

/// The pause between two attempts while the registry, Spanner or Kafka is unavailable.
const RETRY_BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

/// Repeats the attempt until it succeeds. Each failure is logged, counted and shown in the shard's status; `what`
/// names the thing that is attempted.
///
/// # Errors
/// The first failure that no repetition can fix.
pub(super) async fn retry<T, F>(
    pipeline: &Pipeline,
    status: &SharedShardStatus,
    what: &str,
    attempt: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut backoff = RETRY_BACKOFF;
    let mut failed_part = None;
    loop {
        let failure = match attempt().await {
            Ok(done) => {
                if let Some(part) = failed_part {
                    pipeline.metrics.health.answered(part);
                    status.lock().reason = None;
                }
                return Ok(done);
            }
            Err(failure) => failure,
        };
        if let Action::Stop(_) = failure.action() {
            return Err(failure);
        }
        pipeline.metrics.failure(&failure);
        let pause = backoff.next_pause();
        failed_part = failure.part();
        if let Some(left_out) = pipeline.metrics.next_line(&failure, "retry") {
            tracing::warn!(pipeline = pipeline.name(), what, %failure, left_out, "Request failed; retrying");
        }
        status.lock().reason = Some(format!("{what}: {failure}"));
        tokio::time::sleep(pause).await;
    }
}
