//! Carries out the effects that call Spanner or Kafka: each is a task that ends with one [`Answer`].
//!
//! One commit effect is one commit request. The answer repeats what Spanner said; only the worker concludes from it.

use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{
    Commit, Failure, KeyRange, Outcome, Partition, Position, RowKey, TABLE_POSITIONS,
};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Committed, Database};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::RETRY_BACKOFF;
use super::answer::Answer;
use super::open_transactions::OpenTransactions;
use super::request::{Request, RequestError};
use crate::ErrorKind;
use crate::commit_tagger::CommitTagger;
use crate::dead_letters;
use crate::mapping::{MAX_ROWS, Mapper};
use crate::partition_log;
use crate::policy::{self, Action};

/// The interval, in commits, at which commit statistics are requested. They have a cost in Spanner and change slowly.
const STATISTICS_INTERVAL: u64 = 16;

/// The number of answers that may wait for the loop.
const ANSWER_QUEUE_LENGTH: usize = 1024;

/// Sends the requests of one pipeline.
#[derive(Clone)]
pub(super) struct RequestRunner {
    pub(super) database: Database,
    offsets: Offsets,
    pub(super) mapper: Arc<Mapper>,
    answers: mpsc::Sender<Answer>,
    transactions: OpenTransactions,
    tagger: CommitTagger,
}

impl RequestRunner {
    /// Returns the runner, and the channel of its answers.
    pub(super) fn new(
        mapper: Arc<Mapper>,
        database: Database,
        offsets: Offsets,
        tagger: CommitTagger,
    ) -> (Self, mpsc::Receiver<Answer>) {
        let (answers, receiver) = mpsc::channel(ANSWER_QUEUE_LENGTH);
        let transactions = OpenTransactions::default();
        (Self { database, offsets, mapper, answers, transactions, tagger }, receiver)
    }

    /// Repeats a request in a separate task until it has an answer.
    pub(super) fn send(&self, request: Request) {
        let this = self.clone();
        tokio::spawn(async move {
            let mut backoff = RETRY_BACKOFF;
            let answer = loop {
                match this.attempt(&request).await {
                    Ok(answer) => break answer,
                    Err(RequestError::Fatal(kind, error)) => break Answer::Fatal(kind, error),
                    Err(RequestError::Retry(error)) => {
                        tracing::warn!(%error, "retrying a request");
                        if this.answers.send(Answer::Retrying(error)).await.is_err() {
                            return;
                        }
                        tokio::time::sleep(backoff.next_pause()).await;
                    }
                }
            };
            // The channel is closed when the pipeline has ended.
            let _ = this.answers.send(answer).await;
        });
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, RequestError> {
        Ok(match request {
            Request::Position { partition, generation } => {
                let stored = self.stored_position(partition).await?;
                // The log is read after the position. If it has advanced in between, a gap is still a gap.
                let log = partition_log::range(&self.offsets, partition).await?;
                Answer::Position { partition: partition.clone(), generation: *generation, stored, log }
            }
            Request::Settle { partition, generation, mutations } => {
                let tag = self.tagger.tag(None);
                let commit = self.database.commit(mutations.clone(), self.tagger.options(&tag, false));
                if let Err(error) = commit.await {
                    tracing::info!(%partition, %error, "the position could not be settled; reading it again");
                    if policy::spanner(error.kind()) == Action::Stop {
                        let kind = policy::spanner_failure(error.kind());
                        return Err(RequestError::Fatal(kind, error.to_string()));
                    }
                    let mut backoff = RETRY_BACKOFF;
                    tokio::time::sleep(backoff.next_pause()).await;
                }
                Answer::Settled { partition: partition.clone(), generation: *generation }
            }
            Request::States { attempt, keys, ranges } => {
                Answer::States { attempt: *attempt, states: self.states(keys, ranges).await? }
            }
            Request::Verify { attempt, partitions } => {
                let mut stored = Vec::with_capacity(partitions.len());
                for partition in partitions {
                    stored.push((partition.clone(), self.stored_position(partition).await?));
                }
                Answer::Verified { attempt: *attempt, stored }
            }
            Request::Replays { partition, generation } => {
                let records =
                    dead_letters::requested_replays(&self.database, &self.mapper.spec.pipeline, partition)
                        .await?;
                Answer::Replays { partition: partition.clone(), generation: *generation, records }
            }
        })
    }

    async fn states(
        &self,
        keys: &[RowKey],
        ranges: &[KeyRange],
    ) -> Result<Vec<(RowKey, Vec<Value>)>, RequestError> {
        let mut states = Vec::with_capacity(keys.len());
        for mut lookup in self.mapper.state_lookups(keys, ranges) {
            let (keys, ranges) = (take(&mut lookup.keys), take(&mut lookup.ranges));
            if !keys.is_empty() {
                let rows = self.database.read(&lookup.table, &lookup.columns, keys).await?;
                states.extend(lookup.states(rows));
            }
            if !ranges.is_empty() {
                let rows =
                    self.database.read_ranges(&lookup.table, &lookup.columns, ranges, MAX_ROWS).await?;
                states.extend(lookup.states(rows));
            }
        }
        Ok(states)
    }

    /// Tries once to read rows under lock, and keeps the transaction for the commit. The transaction's tag, which may
    /// carry a trace, is set when it begins.
    pub(super) fn lock(
        &self,
        attempt: u64,
        keys: Vec<RowKey>,
        ranges: Vec<KeyRange>,
        trace: Option<[u8; 24]>,
    ) {
        let this = self.clone();
        tokio::spawn(async move {
            let answer = match this.read_under_lock(attempt, &keys, &ranges, trace).await {
                Ok(states) => Answer::States { attempt, states },
                Err(RequestError::Retry(error)) => {
                    tracing::debug!(attempt, %error, "rows could not be locked");
                    Answer::ReadAborted { attempt }
                }
                Err(RequestError::Fatal(kind, error)) => Answer::Fatal(kind, error),
            };
            // The channel is closed when the pipeline has ended.
            let _ = this.answers.send(answer).await;
        });
    }

    async fn read_under_lock(
        &self,
        attempt: u64,
        keys: &[RowKey],
        ranges: &[KeyRange],
        trace: Option<[u8; 24]>,
    ) -> Result<Vec<(RowKey, Vec<Value>)>, RequestError> {
        let tag = self.tagger.tag(trace);
        let options = self.tagger.options(&tag, requests_statistics(attempt));
        let mut transaction = self.database.begin(options).await?;
        let mut states = Vec::with_capacity(keys.len());
        for mut lookup in self.mapper.state_lookups(keys, ranges) {
            let (keys, ranges) = (take(&mut lookup.keys), take(&mut lookup.ranges));
            if !keys.is_empty() {
                let rows = transaction.read(&lookup.table, &lookup.columns, keys).await?;
                states.extend(lookup.states(rows));
            }
            if !ranges.is_empty() {
                let rows = transaction.read_ranges(&lookup.table, &lookup.columns, ranges, MAX_ROWS).await?;
                states.extend(lookup.states(rows));
            }
        }
        self.transactions.keep(attempt, transaction);
        Ok(states)
    }

    /// Rolls back a transaction that has nothing to commit.
    pub(super) fn release(&self, attempt: u64) {
        self.transactions.take(attempt);
    }

    /// Sends exactly one commit request. The answer is its outcome, without a second opinion.
    pub(super) fn commit(&self, commit: Commit, span: tracing::Span, trace: Option<[u8; 24]>) {
        let this = self.clone();
        let task = async move {
            let started = Instant::now();
            let (attempt, answers) = (commit.attempt, this.answers.clone());
            let answer = match this.commit_once(commit, trace).await {
                Ok(committed) => Ok(Outcome::Committed { mutations: committed.mutation_count }),
                Err(error) => {
                    let failure = || Failure {
                        code: error.kind().code().into(),
                        message: format!("Spanner rejects the record: {}", error.message()),
                    };
                    spanbridge_telemetry::trace::fail(&tracing::Span::current(), error.kind().code());
                    tracing::debug!(attempt, %error, "the commit has failed");
                    match policy::spanner(error.kind()) {
                        Action::Retry => Ok(Outcome::Aborted),
                        Action::Verify => Ok(Outcome::Fenced(failure())),
                        Action::Forget => Ok(Outcome::InDoubt),
                        Action::Blame => Ok(Outcome::Rejected(failure())),
                        Action::Divide => Ok(Outcome::TooLarge(failure())),
                        Action::Stop => Err((policy::spanner_failure(error.kind()), error.to_string())),
                    }
                }
            };
            let took = started.elapsed();
            let answer = match answer {
                Ok(outcome) => Answer::Outcome { attempt, outcome, took },
                Err((kind, fatal)) => Answer::Fatal(kind, fatal),
            };
            // The channel is closed when the pipeline has ended.
            let _ = answers.send(answer).await;
        };
        tokio::spawn(task.instrument(span));
    }

    async fn commit_once(
        &self,
        commit: Commit,
        trace: Option<[u8; 24]>,
    ) -> spanbridge_spanner::Result<Committed> {
        match self.transactions.take(commit.attempt) {
            Some(transaction) => transaction.commit(commit.mutations).await,
            None => {
                assert!(!commit.in_transaction, "a commit after a read under lock must have its transaction");
                let tag = self.tagger.tag(trace);
                let options = self.tagger.options(&tag, requests_statistics(commit.attempt));
                self.database.commit(commit.mutations, options).await
            }
        }
    }

    /// Tries once to read the end of a log. The next tick repeats it.
    pub(super) fn read_log_end(&self, partition: Partition) {
        let this = self.clone();
        tokio::spawn(async move {
            if let Ok(log) = partition_log::range(&this.offsets, &partition).await {
                let _ = this.answers.send(Answer::LogEnd { partition, end: log.end }).await;
            }
        });
    }

    async fn stored_position(&self, partition: &Partition) -> Result<Option<Position>, RequestError> {
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
                _ => Err(RequestError::Fatal(
                    ErrorKind::Refused,
                    format!("{partition}: its row in {TABLE_POSITIONS} is not a valid position"),
                )),
            },
            many => Err(RequestError::Fatal(
                ErrorKind::Refused,
                format!("{partition} has {} rows in {TABLE_POSITIONS}; it must have one", many.len()),
            )),
        }
    }
}

fn requests_statistics(attempt: u64) -> bool {
    attempt % STATISTICS_INTERVAL == 1
}
