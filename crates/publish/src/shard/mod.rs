//! One shard that this worker owns: a task, from its assignment to its revocation.

mod auxiliary_topics;
mod change_handler;
mod commit_order;
mod end;
mod incremental_snapshot;
mod operations;
mod outgoing_message;
mod pending_heads;
mod queries;
mod run;
mod snapshot_reader;
mod state;
mod token_reader;

use std::sync::Arc;
use std::time::Duration;

use spanbridge_kafka::{Done, Record};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Error;
use crate::backoff::Backoff;
use crate::pipeline::Pipeline;
use crate::shard_status::Status;
use end::End;
use run::ShardRun;

pub(crate) use state::{decode, encode};

/// Between two lives of a shard.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// The least pause after the shard was taken: the new owner's group membership is news that is on its way.
const FENCED_PAUSE: Duration = Duration::from_secs(1);
/// A life that lasted so long was a good one.
const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(60);

/// What the subscription has for a shard.
pub(crate) enum StateEvent {
    Records { generation: u64, records: Vec<Record> },
    Failed { generation: Option<u64>, error: spanbridge_kafka::Error },
}

/// Asks a shard to finish the transaction on its way and to end.
pub(crate) struct StopRequest {
    /// Dropped when the shard has ended: the last one answers the group.
    pub(crate) _done: Option<Arc<Done>>,
}

/// A shard's side of what the service holds of it.
pub(crate) struct Owner {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) index: u32,
    pub(crate) mail: mpsc::Receiver<StateEvent>,
    pub(crate) finish: mpsc::Receiver<StopRequest>,
    pub(crate) status: Arc<Status>,
}

/// Owns the shard until it is asked to finish. Whatever happens on the way is answered by forgetting
/// everything and starting again from the stored state.
///
/// # Errors
/// What only a person can mend.
pub(crate) async fn own(mut owner: Owner) -> Result<(), Error> {
    let mut pauses = PAUSES;
    let mut pause = Duration::ZERO;
    loop {
        let started = Instant::now();
        let mut life = ShardRun::new(&owner, pause);
        let end = life.run(&mut owner.mail, &mut owner.finish).await;
        owner.status.state().running = false;
        match end {
            End::Finished(finish) => {
                life.close().await;
                tracing::info!(pipeline = owner.pipeline.name(), shard = owner.index, "shard finished");
                drop(finish);
                return Ok(());
            }
            End::Left => {
                tracing::info!(
                    pipeline = owner.pipeline.name(),
                    shard = owner.index,
                    "the group has taken the shard"
                );
                return Ok(());
            }
            End::Stop(error) => return Err(error),
            End::Forget { reason, fenced } => {
                drop(life);
                if started.elapsed() >= BACKOFF_RESET_AFTER {
                    pauses.reset();
                }
                pause = pauses.pause();
                if fenced {
                    pause = pause.max(FENCED_PAUSE);
                    owner.pipeline.meter.shard_fenced();
                }
                tracing::warn!(
                    pipeline = owner.pipeline.name(),
                    shard = owner.index,
                    failures = pauses.failures(),
                    ?pause,
                    reason,
                    "shard forgotten, to be built again from its state"
                );
                owner.status.state().reason = Some(reason);
            }
        }
    }
}
