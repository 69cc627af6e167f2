//! The shards that the consumer group assigns to this worker, and their tasks.
//!
//! [`crate::service`] forwards the events of the group. This module starts a task for each assigned shard, forwards
//! state records to it, and asks it to stop when the shard is revoked. It never looks into a state record.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use spanbridge_kafka::{Event, RevocationAck, TopicPartition};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};

use crate::pipeline::Pipeline;
use crate::shard::{ShardInputs, StateEvent, StopRequest, run_shard};
use crate::shard_status::{ShardStatus, SharedShardStatus};
use crate::{Error, ErrorKind};

/// Chunks of state records that may wait for a shard.
const STATE_QUEUE_CAPACITY: usize = 4;

/// The tasks of the assigned shards.
pub(crate) struct AssignedShards {
    pipeline: Arc<Pipeline>,
    handles: HashMap<i32, ShardHandle>,
    tasks: JoinSet<Result<(), Error>>,
}

struct ShardHandle {
    state_events: mpsc::Sender<StateEvent>,
    stop_requests: mpsc::Sender<StopRequest>,
    task: AbortHandle,
    status: Arc<SharedShardStatus>,
}

impl AssignedShards {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline, handles: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Carries out an assignment or revocation, and delivers state records.
    ///
    /// # Errors
    /// An error of the group membership itself.
    pub(crate) async fn event(&mut self, event: Event) -> Result<(), spanbridge_kafka::Error> {
        match event {
            Event::Assigned(partitions) => partitions.iter().for_each(|partition| self.assign(partition)),
            Event::Revoked { partitions, ack } => self.revoke(&partitions, ack),
            Event::Lost(partitions) => self.abort(&partitions),
            Event::Records { tp, generation, records } => {
                self.deliver(&tp, StateEvent::Records { generation, records }).await;
            }
            Event::End { .. } => {}
            Event::Error { tp: Some(tp), generation, error } => {
                self.deliver(&tp, StateEvent::Failed { generation, error }).await;
            }
            Event::Error { tp: None, error, .. } => return Err(error),
        }
        Ok(())
    }

    fn assign(&mut self, partition: &TopicPartition) {
        let Ok(index) = u32::try_from(partition.partition) else { return };
        let (state_events, state_receiver) = mpsc::channel(STATE_QUEUE_CAPACITY);
        let (stop_requests, stop_receiver) = mpsc::channel(1);
        let status = Arc::new(SharedShardStatus::default());
        let inputs = ShardInputs {
            pipeline: self.pipeline.clone(),
            index,
            state_events: state_receiver,
            stop_requests: stop_receiver,
            status: status.clone(),
        };
        let task = self.tasks.spawn(run_shard(inputs));
        self.handles.insert(partition.partition, ShardHandle { state_events, stop_requests, task, status });
    }

    /// Asks shards to stop, each in its own time. The last one answers the group.
    fn revoke(&mut self, partitions: &[TopicPartition], ack: RevocationAck) {
        let ack = Arc::new(ack);
        for partition in partitions {
            if let Some(handle) = self.handles.remove(&partition.partition) {
                // The request fails when the shard has already stopped.
                let _ = handle.stop_requests.try_send(StopRequest { _ack: Some(ack.clone()) });
            }
        }
    }

    /// Aborts shards that already belong to another worker.
    fn abort(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(handle) = self.handles.remove(&partition.partition) {
                handle.task.abort();
            }
        }
    }

    /// Waits for room in the shard's queue. A shard always serves its queue, so the wait is short.
    async fn deliver(&self, partition: &TopicPartition, event: StateEvent) {
        if let Some(handle) = self.handles.get(&partition.partition) {
            // A shard that has stopped needs no more records.
            let _ = handle.state_events.send(event).await;
        }
    }

    /// Waits for the next shard that stops; pending while there is none. Cancel safe.
    ///
    /// # Errors
    /// The reason why the shard cannot continue.
    pub(crate) async fn next_ended(&mut self) -> Result<(), Error> {
        match self.tasks.join_next().await {
            Some(ended) => self.result(ended),
            None => std::future::pending().await,
        }
    }

    /// Asks all shards to stop, and aborts those that have not stopped after `limit`.
    ///
    /// # Errors
    /// The first error that a shard has ended with.
    pub(crate) async fn finish(&mut self, limit: Duration) -> Result<(), Error> {
        for (_, handle) in self.handles.drain() {
            let _ = handle.stop_requests.try_send(StopRequest { _ack: None });
        }
        let mut result = Ok(());
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                result = std::mem::replace(&mut result, Ok(())).and(self.result(ended));
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            let (pipeline, left) = (self.pipeline.name(), self.tasks.len());
            tracing::warn!(
                pipeline,
                left,
                ?limit,
                "Shards aborted before they finished; their next owners abort the open transactions"
            );
            self.tasks.shutdown().await;
        }
        result
    }

    fn result(&self, ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
        match ended {
            Ok(result) => result,
            Err(error) if error.is_cancelled() => Ok(()),
            Err(_) => {
                let message = "the task of a shard panicked; report this with the log around it";
                Err(Error::new(ErrorKind::Bug, self.pipeline.name(), message))
            }
        }
    }

    /// The status of each shard, in the order of their numbers.
    pub(crate) fn statuses(&self) -> Vec<(i32, ShardStatus)> {
        let statuses = self.handles.iter().map(|(index, handle)| (*index, handle.status.lock().clone()));
        let mut statuses: Vec<_> = statuses.collect();
        statuses.sort_by_key(|(index, _)| *index);
        statuses
    }
}
