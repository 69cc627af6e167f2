//! The effects that ask Spanner or Kafka something: each a task that ends with one answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spanbridge_kafka::{Offsets, Watermarks};
use spanbridge_protocol::ingest::{
    Commit, Failure, GroupKey, LogRange, Offset, Outcome, Partition, TABLE_POSITIONS, TargetKind,
};
use spanbridge_protocol::mutation::Mutation;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{CommitOptions, Database};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::answer::Answer;
use super::source::topic_partition;
use crate::mapping::Mapper;
use crate::policy::{self, Action};

/// How long the brokers may take to tell a log's range.
const WATERMARKS: Duration = Duration::from_secs(10);

/// Asks on behalf of one pipeline.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) database: Database,
    pub(super) offsets: Offsets,
    pub(super) mapper: Arc<Mapper>,
    pub(super) answers: mpsc::Sender<Answer>,
}

/// Pauses between attempts: 50 ms, doubled up to 5 s.
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Duration::from_millis(50))
    }
}

impl Backoff {
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_secs(5));
    }
}

/// An error that ends a request, or makes it be tried again.
enum Failed {
    Again(String),
    Fatal(String),
}

impl From<spanbridge_spanner::Error> for Failed {
    fn from(error: spanbridge_spanner::Error) -> Self {
        match policy::spanner(error.kind()) {
            Action::Stop | Action::Blame => Self::Fatal(error.to_string()),
            Action::Retry | Action::Verify | Action::Forget => Self::Again(error.to_string()),
        }
    }
}

impl From<spanbridge_kafka::Error> for Failed {
    fn from(error: spanbridge_kafka::Error) -> Self {
        match policy::kafka(error.kind()) {
            Action::Stop => Self::Fatal(error.to_string()),
            _ => Self::Again(error.to_string()),
        }
    }
}

/// A question that is asked until it has an answer.
#[derive(Debug)]
pub(super) enum Request {
    Position {
        partition: Partition,
        generation: u64,
    },
    /// One attempt, whatever comes of it: the position that is read next tells.
    Settle {
        partition: Partition,
        generation: u64,
        mutations: Vec<Mutation>,
    },
    States {
        attempt: u64,
        keys: Vec<GroupKey>,
    },
    Verify {
        attempt: u64,
        partitions: Vec<Partition>,
    },
}

impl Requests {
    /// Asks in a task of its own.
    pub(super) fn ask(&self, request: Request) {
        let this = self.clone();
        tokio::spawn(async move {
            let mut backoff = Backoff::default();
            let answer = loop {
                match this.attempt(&request).await {
                    Ok(answer) => break answer,
                    Err(Failed::Fatal(error)) => break Answer::Fatal(error),
                    Err(Failed::Again(error)) => {
                        tracing::warn!(%error, "trying again");
                        if this.answers.send(Answer::Trouble(error)).await.is_err() {
                            return;
                        }
                        backoff.pause().await;
                    }
                }
            };
            // Nobody listens when the pipeline has ended.
            let _ = this.answers.send(answer).await;
        });
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, Failed> {
        Ok(match request {
            Request::Position { partition, generation } => {
                let stored = self.stored(partition).await?;
                // After the position: a log that has moved on since then holds it all the less.
                let log = self.log(partition).await?;
                let log = LogRange { start: log.start, end: log.end };
                Answer::Position { partition: partition.clone(), generation: *generation, stored, log }
            }
            Request::Settle { partition, generation, mutations } => {
                if let Err(error) = self.database.commit(mutations.clone(), CommitOptions::default()).await {
                    tracing::info!(%partition, %error, "settling a position");
                    if policy::spanner(error.kind()) == Action::Stop {
                        return Err(Failed::Fatal(error.to_string()));
                    }
                    Backoff::default().pause().await;
                }
                Answer::Settled { partition: partition.clone(), generation: *generation }
            }
            Request::States { attempt, keys } => {
                Answer::States { attempt: *attempt, found: self.states(keys).await? }
            }
            Request::Verify { attempt, partitions } => {
                let mut stored = Vec::with_capacity(partitions.len());
                for partition in partitions {
                    stored.push((partition.clone(), self.stored(partition).await?));
                }
                Answer::Verified { attempt: *attempt, stored }
            }
        })
    }

    async fn states(&self, keys: &[GroupKey]) -> Result<Vec<(GroupKey, Vec<Value>)>, Failed> {
        let mut found = Vec::with_capacity(keys.len());
        for (at, target) in self.mapper.spec.targets.iter().enumerate() {
            let wanted: Vec<Vec<Value>> =
                keys.iter().filter(|key| key.target == at).map(|key| key.key.clone()).collect();
            if wanted.is_empty() || matches!(target.kind, TargetKind::Rows) {
                continue;
            }
            let columns: Vec<(String, Type)> =
                target.columns.iter().cloned().zip(self.mapper.types[at].iter().cloned()).collect();
            let rows = self.database.read(&target.table, &columns, wanted).await?;
            found.extend(rows.into_iter().map(|mut row| {
                let state = row.split_off(target.key.len());
                (GroupKey { target: at, key: row }, state)
            }));
        }
        Ok(found)
    }

    /// Exactly one commit; the answer is what it says, nothing better.
    pub(super) fn commit(&self, commit: Commit, span: tracing::Span) {
        let Self { database, answers, .. } = self.clone();
        let task = async move {
            let started = Instant::now();
            let answer = match database.commit(commit.mutations, CommitOptions::default()).await {
                Ok(_) => Ok(Outcome::Committed),
                Err(error) => {
                    let failure = || Failure {
                        code: error.kind().code().into(),
                        message: format!("Spanner refuses the record: {}", error.message()),
                    };
                    spanbridge_telemetry::trace::fail(&tracing::Span::current(), error.kind().code());
                    tracing::debug!(attempt = commit.attempt, %error, "a commit has failed");
                    match policy::spanner(error.kind()) {
                        Action::Retry => Ok(Outcome::Aborted),
                        Action::Verify => Ok(Outcome::Fenced(failure())),
                        Action::Forget => Ok(Outcome::InDoubt),
                        Action::Blame => Ok(Outcome::Rejected(failure())),
                        Action::Stop => Err(error.to_string()),
                    }
                }
            };
            let took = started.elapsed();
            let answer = match answer {
                Ok(outcome) => Answer::Outcome { attempt: commit.attempt, outcome, took },
                Err(fatal) => Answer::Fatal(fatal),
            };
            // Nobody listens when the pipeline has ended.
            let _ = answers.send(answer).await;
        };
        tokio::spawn(task.instrument(span));
    }

    /// One attempt: the next tick asks again.
    pub(super) fn end(&self, partition: Partition) {
        let this = self.clone();
        tokio::spawn(async move {
            if let Ok(log) = this.log(&partition).await {
                let _ = this.answers.send(Answer::End { partition, end: log.end }).await;
            }
        });
    }

    async fn stored(&self, partition: &Partition) -> Result<Option<Offset>, Failed> {
        let prefix = vec![
            Value::from(&*self.mapper.spec.pipeline),
            Value::from(&*partition.topic),
            Value::from(i64::from(partition.number)),
        ];
        let columns = [("NextOffset".to_owned(), Type::Int64)];
        let rows = self.database.read_prefix(TABLE_POSITIONS, &columns, prefix).await?;
        match rows.as_slice() {
            [] => Ok(None),
            [row] => match row.as_slice() {
                [Value::Int64(offset)] => Ok(Some(*offset)),
                _ => Err(Failed::Fatal(format!("{partition}: NextOffset is no INT64"))),
            },
            many => Err(Failed::Fatal(format!("{partition} has {} positions; it must have one", many.len()))),
        }
    }

    async fn log(&self, partition: &Partition) -> Result<Watermarks, spanbridge_kafka::Error> {
        self.offsets.watermarks(&topic_partition(partition), WATERMARKS).await
    }
}
