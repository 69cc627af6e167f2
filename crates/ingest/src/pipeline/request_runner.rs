//! Carries out the effects that call Spanner or Kafka: each is a task that ends with one [`Answer`].
//!
//! One commit effect is one commit request. The answer repeats what Spanner said; only the worker concludes from it.

use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use spanbridge_protocol::ingest::{
    Commit, Failure, KeyRange, Offset, Outcome, Partition, RowKey, StoredPartition,
};
use spanbridge_protocol::value::Value;
use spanbridge_service::{Part, PipelineHealth};
use spanbridge_spanner::{Committed, Database, ErrorKind as SpannerKind};
use spanbridge_telemetry::metrics::{self, counter};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::RETRY_BACKOFF;
use super::added_partition::follows_used_partition;
use super::answer::Answer;
use super::open_transactions::OpenTransactions;
use super::request::{Request, RequestError};
use crate::ErrorKind;
use crate::commit_tagger::CommitTagger;
use crate::dead_letters::{self, DeadLetterProtection, ReplayError};
use crate::mapping::{MAX_ROWS, Mapper};
use crate::partition_log::{self, PartitionLog};
use crate::policy::{self, Action};

/// The interval, in commits, at which commit statistics are requested. They have a cost in Spanner and change slowly.
const STATISTICS_INTERVAL: u64 = 16;

/// The number of answers that may wait for the loop.
const ANSWER_QUEUE_LENGTH: usize = 1024;

/// Sends the requests of one pipeline.
#[derive(Clone)]
pub(super) struct RequestRunner {
    pub(super) database: Database,
    log: PartitionLog,
    pub(super) mapper: Arc<Mapper>,
    pub(super) protection: Arc<DeadLetterProtection>,
    answers: mpsc::Sender<Answer>,
    transactions: OpenTransactions,
    tagger: CommitTagger,
    health: PipelineHealth,
}

impl RequestRunner {
    /// Returns the runner, and the channel of its answers.
    pub(super) fn new(
        mapper: Arc<Mapper>,
        protection: Arc<DeadLetterProtection>,
        database: Database,
        log: PartitionLog,
        tagger: CommitTagger,
        health: PipelineHealth,
    ) -> (Self, mpsc::Receiver<Answer>) {
        let (answers, receiver) = mpsc::channel(ANSWER_QUEUE_LENGTH);
        let transactions = OpenTransactions::default();
        (Self { database, log, mapper, protection, answers, transactions, tagger, health }, receiver)
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
                    Err(RequestError::TooLarge(failure)) => break too_large(&request, failure),
                    Err(RequestError::Retry(error)) => {
                        this.log_retry("request", &error);
                        // The channel is closed when the pipeline has ended.
                        tokio::select! {
                            () = this.answers.closed() => return,
                            () = tokio::time::sleep(backoff.next_pause()) => {}
                        }
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
                let stored = self.stored_partition(partition).await?;
                if stored == StoredPartition::Unregistered {
                    self.report_added(partition).await?;
                }
                // The log is read after the position. If it has advanced in between, a gap is still a gap.
                let log = partition_log::range(&self.log.offsets, partition).await;
                self.health.kafka(&log);
                let log = log?;
                Answer::Position { partition: partition.clone(), generation: *generation, stored, log }
            }
            Request::Digest { partition, generation, offset } => {
                let digest = self.log.digest(partition, *offset).await;
                self.health.kafka(&digest);
                let (partition, digest) = (partition.clone(), digest?);
                Answer::Digest { partition, generation: *generation, offset: *offset, digest }
            }
            Request::Settle { partition, generation, mutations } => {
                let tag = self.tagger.tag(None);
                let commit = self.database.commit(mutations.clone(), self.tagger.options(&tag, false)).await;
                if let Err(error) = self.spanner(commit) {
                    tracing::debug!(%partition, %error, "the position could not be settled; reading it again");
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
                let (database, pipeline) = (&self.database, &self.mapper.spec.pipeline);
                let replays =
                    dead_letters::requested_replays(database, &self.protection, pipeline, partition).await;
                let replays = match replays {
                    Ok(replays) => self.spanner(Ok(replays))?,
                    Err(ReplayError::Spanner(error)) => self.spanner(Err(error))?,
                    Err(ReplayError::KeyService(reason)) => return Err(RequestError::Retry(reason)),
                };
                Answer::Replays { partition: partition.clone(), generation: *generation, replays }
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
                let rows = self.database.read(&lookup.table, &lookup.columns, keys).await;
                let rows = self.spanner(rows)?;
                states.extend(lookup.states(rows));
            }
            if !ranges.is_empty() {
                let rows = self.database.read_ranges(&lookup.table, &lookup.columns, ranges, MAX_ROWS).await;
                let rows = self.spanner(rows)?;
                states.extend(lookup.states(rows));
            }
            for range in take(&mut lookup.first_rows) {
                let rows = self.database.read_page(&lookup.table, &lookup.columns, range, 1).await;
                let rows = self.spanner(rows)?;
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
                    this.log_retry("lock", &error);
                    Answer::ReadAborted { attempt }
                }
                Err(RequestError::TooLarge(failure)) => Answer::ReadTooLarge { attempt, failure },
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
        let mut transaction = self.spanner(self.database.begin(options).await)?;
        let mut states = Vec::with_capacity(keys.len());
        for mut lookup in self.mapper.state_lookups(keys, ranges) {
            let (keys, ranges) = (take(&mut lookup.keys), take(&mut lookup.ranges));
            if !keys.is_empty() {
                let rows = self.spanner(transaction.read(&lookup.table, &lookup.columns, keys).await)?;
                states.extend(lookup.states(rows));
            }
            if !ranges.is_empty() {
                let rows = transaction.read_ranges(&lookup.table, &lookup.columns, ranges, MAX_ROWS).await;
                let rows = self.spanner(rows)?;
                states.extend(lookup.states(rows));
            }
            for range in take(&mut lookup.first_rows) {
                let rows = transaction.read_page(&lookup.table, &lookup.columns, range, 1).await;
                let rows = self.spanner(rows)?;
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
            let committed = this.commit_once(commit, trace).await;
            this.health.spanner(&committed);
            let answer = match committed {
                Ok(committed) => Ok(Outcome::Committed { mutations: committed.mutation_count }),
                Err(error) => {
                    let failure = || Failure {
                        code: error.kind().code().into(),
                        message: format!("Spanner rejects the record: {}", error.message()),
                    };
                    spanbridge_telemetry::trace::fail(&tracing::Span::current(), error.kind().code());
                    this.log_failed_commit(&error);
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
            let log = partition_log::range(&this.log.offsets, &partition).await;
            this.health.kafka(&log);
            let _ = this.answers.send(Answer::LogEnd { partition, end: log.ok().map(|log| log.end) }).await;
        });
    }

    /// Tries once to find a committed record from the position to the end.
    pub(super) fn read_rest(&self, partition: Partition, position: Offset, end: Offset) {
        let this = self.clone();
        tokio::spawn(async move {
            let has_records = this.log.has_records(&partition, position, end).await;
            this.health.kafka(&has_records);
            let answer = Answer::Rest { partition, position, end, has_records: has_records.ok() };
            let _ = this.answers.send(answer).await;
        });
    }

    /// Reports the result of a request to Spanner to the health, and returns it.
    pub(super) fn spanner<T>(&self, result: spanbridge_spanner::Result<T>) -> spanbridge_spanner::Result<T> {
        self.health.spanner(&result);
        result
    }

    /// Logs a request that is repeated, unless an outage explains it, which has its own line.
    fn log_retry(&self, what: &'static str, error: &str) {
        let is_explained = [Part::Kafka, Part::Spanner].into_iter().any(|part| self.health.is_away(part));
        if !is_explained && let Some(left_out) = self.health.next_line(what) {
            tracing::warn!(pipeline = %self.mapper.spec.pipeline, %error, left_out, "retrying a {what}");
        }
    }

    /// Logs a failed commit, unless an outage explains it, which has its own line.
    fn log_failed_commit(&self, error: &spanbridge_spanner::Error) {
        let is_outage =
            matches!(error.kind(), SpannerKind::Unavailable | SpannerKind::InDoubt | SpannerKind::Denied);
        if !is_outage && let Some(left_out) = self.health.next_line(error.kind().code()) {
            tracing::warn!(pipeline = %self.mapper.spec.pipeline, %error, left_out, "a commit has failed");
        }
    }

    /// Reports a partition that is about to be registered, if it was added to a topic in use.
    async fn report_added(&self, partition: &Partition) -> Result<(), RequestError> {
        let pipeline = &self.mapper.spec.pipeline;
        if self.spanner(follows_used_partition(&self.database, pipeline, partition).await)? {
            let (name, topic) = (pipeline.to_string(), partition.topic.to_string());
            counter!(metrics::INGEST_ADDED_PARTITIONS_TOTAL, "pipeline" => name, "topic" => topic)
                .increment(1);
            tracing::warn!(
                pipeline = &**pipeline,
                %partition,
                "A partition was added to the topic: later records of a key may be in another partition than earlier ones, and \
                 their order is lost"
            );
        }
        Ok(())
    }
}

fn requests_statistics(attempt: u64) -> bool {
    attempt % STATISTICS_INTERVAL == 1
}

/// Returns the answer to a request whose result is too large. Only the reads of a batch have a limit.
fn too_large(request: &Request, failure: Failure) -> Answer {
    match request {
        Request::States { attempt, .. } => Answer::ReadTooLarge { attempt: *attempt, failure },
        _ => Answer::Fatal(ErrorKind::Refused, failure.message),
    }
}
