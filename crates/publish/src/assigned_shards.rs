use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use spanbridge_kafka::{Done, Event, TopicPartition};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};

use crate::pipeline::Pipeline;
use crate::shard::{self, Owner, StateEvent, StopRequest};
use crate::shard_status::{State, Status};
use crate::{Error, ErrorKind};

/// Chunks of state records that wait for a shard.
const MAIL: usize = 4;

/// The shards that the group assigns to this worker.
pub(crate) struct AssignedShards {
    pipeline: Arc<Pipeline>,
    owned: HashMap<i32, Owned>,
    tasks: JoinSet<Result<(), Error>>,
}

struct Owned {
    mail: mpsc::Sender<StateEvent>,
    finish: mpsc::Sender<StopRequest>,
    task: AbortHandle,
    status: Arc<Status>,
}

impl AssignedShards {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        Self { pipeline, owned: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Carries out what the group says, and delivers what it has read.
    ///
    /// # Errors
    /// Those of the group membership itself that only a person can mend.
    pub(crate) async fn event(&mut self, event: Event) -> Result<(), spanbridge_kafka::Error> {
        match event {
            Event::Assigned(partitions) => partitions.iter().for_each(|partition| self.assigned(partition)),
            Event::Revoked { partitions, done } => self.revoked(&partitions, done),
            Event::Lost(partitions) => self.lost(&partitions),
            Event::Records { tp, generation, records } => {
                self.deliver(&tp, StateEvent::Records { generation, records }).await;
            }
            Event::Error { tp: Some(tp), generation, error } => {
                self.deliver(&tp, StateEvent::Failed { generation, error }).await;
            }
            Event::Error { tp: None, error, .. } => return Err(error),
        }
        Ok(())
    }

    fn assigned(&mut self, partition: &TopicPartition) {
        let Ok(index) = u32::try_from(partition.partition) else { return };
        let (mail, letters) = mpsc::channel(MAIL);
        let (finish, asked) = mpsc::channel(1);
        let status = Arc::new(Status::default());
        let pipeline = self.pipeline.clone();
        let owner = Owner { pipeline, index, mail: letters, finish: asked, status: status.clone() };
        let task = self.tasks.spawn(shard::own(owner));
        self.owned.insert(partition.partition, Owned { mail, finish, task, status });
    }

    /// Each shard ends in its own time; the last one answers.
    fn revoked(&mut self, partitions: &[TopicPartition], done: Done) {
        let done = Arc::new(done);
        for partition in partitions {
            if let Some(owned) = self.owned.remove(&partition.partition) {
                // A shard that has ended by itself hears nothing any more, and need not.
                let _ = owned.finish.try_send(StopRequest { _done: Some(done.clone()) });
            }
        }
    }

    /// They are somebody else's already.
    fn lost(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(owned) = self.owned.remove(&partition.partition) {
                owned.task.abort();
            }
        }
    }

    /// AssignedShards serve their mail whatever else they do, so that this does not wait for long.
    async fn deliver(&self, partition: &TopicPartition, letter: StateEvent) {
        if let Some(owned) = self.owned.get(&partition.partition) {
            // A shard that has ended needs none.
            let _ = owned.mail.send(letter).await;
        }
    }

    /// The end of the next shard that ends; pending while there is none. Safe to cancel.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) async fn ended(&mut self) -> Result<(), Error> {
        match self.tasks.join_next().await {
            Some(ended) => self.result(ended),
            None => std::future::pending().await,
        }
    }

    /// Lets all finish, within `limit`; then drops them.
    ///
    /// # Errors
    /// The first that one of them ended with.
    pub(crate) async fn finish(&mut self, limit: Duration) -> Result<(), Error> {
        for (_, owned) in self.owned.drain() {
            let _ = owned.finish.try_send(StopRequest { _done: None });
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
                "shards dropped unfinished; their next owners abort what is open"
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

    /// How each owned shard fares.
    pub(crate) fn states(&self) -> Vec<(i32, State)> {
        let states = self.owned.iter().map(|(index, owned)| (*index, owned.status.state().clone()));
        let mut states: Vec<_> = states.collect();
        states.sort_by_key(|(index, _)| *index);
        states
    }
}
