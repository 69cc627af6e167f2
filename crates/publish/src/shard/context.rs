//! The context that all components of a shard share, and the rules by which an error ends a run.

use std::sync::Arc;
use std::time::Duration;

use spanbridge_protocol::publish::ShardError;
use tokio::time::Instant;

use super::run_end::RunEnd;
use crate::failure::Failure;
use crate::pipeline::Pipeline;
use crate::policy::Action;
use crate::shard_status::SharedShardStatus;
use crate::{Error, ErrorKind};

/// The pipeline, the shard's number, its status and the clock of its run. A clone is cheap and refers to the same run.
#[derive(Clone)]
pub(super) struct ShardContext {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) index: u32,
    pub(super) status: Arc<SharedShardStatus>,
    started: Instant,
}

impl ShardContext {
    /// Starts the clock of a new run.
    pub(super) fn new(pipeline: Arc<Pipeline>, index: u32, status: Arc<SharedShardStatus>) -> Self {
        Self { pipeline, index, status, started: Instant::now() }
    }

    /// The time since the run started, which is the time of the state machine.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sleeps until a time of the state machine; for ever without one.
    pub(super) async fn sleep_until(&self, time: Option<Duration>) {
        match time {
            Some(time) => tokio::time::sleep_until(self.started + time).await,
            None => std::future::pending().await,
        }
    }

    /// Counts the failure, and returns how it ends the run according to [`crate::policy`]. `doing` names the action
    /// that failed.
    pub(super) fn end_of(&self, failure: impl Into<Failure>, doing: &str) -> RunEnd {
        let failure = failure.into();
        self.pipeline.metrics.failure(&failure);
        match failure.action() {
            Action::Stop(kind) => RunEnd::Failed(failure.stop(kind, self.pipeline.name(), doing)),
            Action::Leave => RunEnd::Unassigned,
            action @ (Action::Retry | Action::Restart | Action::Fenced) => {
                RunEnd::Restart { reason: format!("{doing}: {failure}"), is_fenced: action == Action::Fenced }
            }
        }
    }

    /// The end of a run whose input the state machine has rejected.
    pub(super) fn end_of_rejected(&self, error: &ShardError) -> RunEnd {
        let (kind, help) = match error {
            ShardError::Shards { .. } | ShardError::ChangeStream { .. } => {
                (ErrorKind::Config, "set it back, or give the pipeline another name")
            }
            ShardError::Order { .. } => (ErrorKind::Bug, "report this with the log around it"),
        };
        let message = format!("shard {} of {}: {error}; {help}", self.index, self.pipeline.state_topic);
        RunEnd::Failed(Error::new(kind, self.pipeline.name(), message))
    }

    /// The end of a run that has found itself in an impossible state.
    pub(super) fn end_of_bug(&self, what: &str) -> RunEnd {
        let message = format!("shard {}: {what}; report this with the log around it", self.index);
        RunEnd::Failed(Error::new(ErrorKind::Bug, self.pipeline.name(), message))
    }
}
