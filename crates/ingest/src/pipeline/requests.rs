//! The effects that ask Spanner or Kafka something: each a task that ends with one answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{
    Commit, Failure, KeyRange, Outcome, Partition, Position, RowKey, TABLE_POSITIONS,
};
use spanbridge_protocol::mutation::Mutation;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Committed, Database};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::answer::Answer;
use super::replays;
use super::transactions::Transactions;
use crate::log;
use crate::mapping::{MOST_ROWS, Mapper, Wanted};
use crate::policy::{self, Action};
use crate::signature::Signature;

/// One commit in so many is asked for its statistics: they cost Spanner something, and change slowly.
const STATISTICS: u64 = 16;

/// Asks on behalf of one pipeline.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) database: Database,
    pub(super) offsets: Offsets,
    pub(super) mapper: Arc<Mapper>,
    pub(super) answers: mpsc::Sender<Answer>,
    pub(super) transactions: Transactions,
    pub(super) signature: Signature,
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
            Action::Stop | Action::Blame | Action::Divide => Self::Fatal(error.to_string()),
            Action::Retry | Action::Verify | Action::Forget => Self::Again(error.to_string()),
        }
    }
}

impl From<spanbridge_kafka::Error> for Failed {
    fn from(error: spanbridge_kafka::Error) -> Self {
        // Only assigned partitions are asked for, and those are there.
        match policy::to_come(error.kind(), true) {
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
        keys: Vec<RowKey>,
        ranges: Vec<KeyRange>,
    },
    Verify {
        attempt: u64,
        partitions: Vec<Partition>,
    },
    Replays {
        partition: Partition,
        generation: u64,
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
                let log = log::range(&self.offsets, partition).await?;
                Answer::Position { partition: partition.clone(), generation: *generation, stored, log }
            }
            Request::Settle { partition, generation, mutations } => {
                let tag = self.signature.tag(None);
                let commit = self.database.commit(mutations.clone(), self.signature.options(&tag, false));
                if let Err(error) = commit.await {
                    tracing::info!(%partition, %error, "settling a position");
                    if policy::spanner(error.kind()) == Action::Stop {
                        return Err(Failed::Fatal(error.to_string()));
                    }
                    Backoff::default().pause().await;
                }
                Answer::Settled { partition: partition.clone(), generation: *generation }
            }
            Request::States { attempt, keys, ranges } => {
                Answer::States { attempt: *attempt, found: self.states(keys, ranges).await? }
            }
            Request::Verify { attempt, partitions } => {
                let mut stored = Vec::with_capacity(partitions.len());
                for partition in partitions {
                    stored.push((partition.clone(), self.stored(partition).await?));
                }
                Answer::Verified { attempt: *attempt, stored }
            }
            Request::Replays { partition, generation } => {
                let records = replays::read(&self.database, &self.mapper.spec.pipeline, partition).await?;
                Answer::Replays { partition: partition.clone(), generation: *generation, records }
            }
        })
    }

    async fn states(
        &self,
        keys: &[RowKey],
        ranges: &[KeyRange],
    ) -> Result<Vec<(RowKey, Vec<Value>)>, Failed> {
        let mut found = Vec::with_capacity(keys.len());
        for Wanted { target, table, columns, keys, ranges } in self.mapper.wanted(keys, ranges) {
            if !keys.is_empty() {
                let rows = self.database.read(&table, &columns, keys).await?;
                found.extend(self.mapper.states(target, rows));
            }
            if !ranges.is_empty() {
                let rows = self.database.read_ranges(&table, &columns, ranges, MOST_ROWS).await?;
                found.extend(self.mapper.states(target, rows));
            }
        }
        Ok(found)
    }

    /// One attempt to read under lock; the transaction is kept for its commit.
    /// It has its tag from the beginning, of this trace perhaps.
    pub(super) fn lock(
        &self,
        attempt: u64,
        keys: Vec<RowKey>,
        ranges: Vec<KeyRange>,
        trace: Option<[u8; 24]>,
    ) {
        let this = self.clone();
        tokio::spawn(async move {
            let answer = match this.locked(attempt, &keys, &ranges, trace).await {
                Ok(found) => Answer::States { attempt, found },
                Err(Failed::Again(error)) => {
                    tracing::debug!(attempt, %error, "rows could not be locked");
                    Answer::Unread { attempt }
                }
                Err(Failed::Fatal(error)) => Answer::Fatal(error),
            };
            // Nobody listens when the pipeline has ended.
            let _ = this.answers.send(answer).await;
        });
    }

    async fn locked(
        &self,
        attempt: u64,
        keys: &[RowKey],
        ranges: &[KeyRange],
        trace: Option<[u8; 24]>,
    ) -> Result<Vec<(RowKey, Vec<Value>)>, Failed> {
        let tag = self.signature.tag(trace);
        let options = self.signature.options(&tag, wants_statistics(attempt));
        let mut transaction = self.database.begin(options).await?;
        let mut found = Vec::with_capacity(keys.len());
        for Wanted { target, table, columns, keys, ranges } in self.mapper.wanted(keys, ranges) {
            if !keys.is_empty() {
                let rows = transaction.read(&table, &columns, keys).await?;
                found.extend(self.mapper.states(target, rows));
            }
            if !ranges.is_empty() {
                let rows = transaction.read_ranges(&table, &columns, ranges, MOST_ROWS).await?;
                found.extend(self.mapper.states(target, rows));
            }
        }
        self.transactions.keep(attempt, transaction);
        Ok(found)
    }

    /// Gives a transaction up that has nothing to commit.
    pub(super) fn release(&self, attempt: u64) {
        self.transactions.take(attempt);
    }

    /// Exactly one commit; the answer is what it says, nothing better.
    pub(super) fn commit(&self, commit: Commit, span: tracing::Span, trace: Option<[u8; 24]>) {
        let this = self.clone();
        let task = async move {
            let started = Instant::now();
            let (attempt, answers) = (commit.attempt, this.answers.clone());
            let answer = match this.committed(commit, trace).await {
                Ok(committed) => Ok(Outcome::Committed { mutations: committed.mutation_count }),
                Err(error) => {
                    let failure = || Failure {
                        code: error.kind().code().into(),
                        message: format!("Spanner refuses the record: {}", error.message()),
                    };
                    spanbridge_telemetry::trace::fail(&tracing::Span::current(), error.kind().code());
                    tracing::debug!(attempt, %error, "a commit has failed");
                    match policy::spanner(error.kind()) {
                        Action::Retry => Ok(Outcome::Aborted),
                        Action::Verify => Ok(Outcome::Fenced(failure())),
                        Action::Forget => Ok(Outcome::InDoubt),
                        Action::Blame => Ok(Outcome::Rejected(failure())),
                        Action::Divide => Ok(Outcome::TooLarge(failure())),
                        Action::Stop => Err(error.to_string()),
                    }
                }
            };
            let took = started.elapsed();
            let answer = match answer {
                Ok(outcome) => Answer::Outcome { attempt, outcome, took },
                Err(fatal) => Answer::Fatal(fatal),
            };
            // Nobody listens when the pipeline has ended.
            let _ = answers.send(answer).await;
        };
        tokio::spawn(task.instrument(span));
    }

    async fn committed(
        &self,
        commit: Commit,
        trace: Option<[u8; 24]>,
    ) -> spanbridge_spanner::Result<Committed> {
        match self.transactions.take(commit.attempt) {
            Some(transaction) => transaction.commit(commit.mutations).await,
            None => {
                assert!(!commit.in_transaction, "a commit under lock has its transaction");
                let tag = self.signature.tag(trace);
                let options = self.signature.options(&tag, wants_statistics(commit.attempt));
                self.database.commit(commit.mutations, options).await
            }
        }
    }

    /// One attempt: the next tick asks again.
    pub(super) fn end(&self, partition: Partition) {
        let this = self.clone();
        tokio::spawn(async move {
            if let Ok(log) = log::range(&this.offsets, &partition).await {
                let _ = this.answers.send(Answer::End { partition, end: log.end }).await;
            }
        });
    }

    async fn stored(&self, partition: &Partition) -> Result<Option<Position>, Failed> {
        let prefix = vec![
            Value::from(&*self.mapper.spec.pipeline),
            Value::from(&*partition.topic),
            Value::from(i64::from(partition.number)),
        ];
        let columns =
            [("NextOffset", Type::Int64), ("Revision", Type::Int64), ("EventTime", Type::Timestamp)]
                .map(|(name, ty)| (name.to_owned(), ty));
        let rows = self.database.read_prefix(TABLE_POSITIONS, &columns, prefix).await?;
        match rows.as_slice() {
            [] => Ok(None),
            [row] => match row.as_slice() {
                [Value::Int64(next), Value::Int64(revision), time @ (Value::Timestamp(_) | Value::Null)] => {
                    let event_time = if let Value::Timestamp(at) = time { Some(*at) } else { None };
                    Ok(Some(Position { next: *next, revision: *revision, event_time }))
                }
                _ => {
                    Err(Failed::Fatal(format!("{partition}: its row of {TABLE_POSITIONS} is not a position")))
                }
            },
            many => Err(Failed::Fatal(format!("{partition} has {} positions; it must have one", many.len()))),
        }
    }
}

fn wants_statistics(attempt: u64) -> bool {
    attempt % STATISTICS == 1
}
