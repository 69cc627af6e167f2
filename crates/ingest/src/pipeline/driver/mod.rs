//! The loop: events and answers into the worker, effects out of it.

mod effects;
mod intake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use spanbridge_kafka::{Event, Events, Offsets, RevocationAck, Subscription};
use spanbridge_protocol::ingest::{Outcome, Partition, PartitionStop, StopReason, Worker, WorkerEffect};
use spanbridge_spanner::Database;
use spanbridge_telemetry::admin::{Heartbeat, PipelineReadiness};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::batch_trace::BatchTrace;
use super::batch_traces::BatchTraces;
use super::evolution::Met;
use super::observer::{Observer, Sent};
use super::requests::{Request, Requests};
use super::source::{Source, partition};
use super::transactions::Transactions;
use crate::log::topic_partition;
use crate::mapping::Mapper;
use crate::policy::{self, Action};
use crate::signature::Signature;
use crate::{Error, ErrorKind};

/// The loop goes round at least this often, or `/livez` says so.
pub(super) const LIVENESS: Duration = Duration::from_secs(60);
/// How often the lag is looked at.
const TICK: Duration = Duration::from_secs(5);
/// How long a shutdown waits for the commit on its way; the fence makes leaving it safe.
const GOODBYE: Duration = Duration::from_secs(10);
/// Answers that may wait for the loop.
const ANSWERS: usize = 1024;

pub(super) struct Driver {
    pipeline: String,
    group: String,
    by_pattern: bool,
    mapper: Arc<Mapper>,
    subscription: Subscription,
    worker: Worker<Source>,
    requests: Requests,
    answers: mpsc::Receiver<Answer>,
    /// The worker's generation of a fetch, and the subscription's.
    fetches: BTreeMap<Partition, (u64, u64)>,
    /// Partitions whose dead letters are being looked at for replays.
    replays: BTreeSet<Partition>,
    /// Revocations that wait for a commit on its way.
    revocations: Vec<(Vec<Partition>, RevocationAck)>,
    stops: BTreeMap<Partition, String>,
    /// A writer with fields that the mapping does not know: nothing more is taken, and what was taken before is committed.
    met: Option<Met>,
    observer: Observer,
    traces: BatchTraces,
    /// The commits on their way, by attempt.
    sent: BTreeMap<u64, Attempt>,
    ready: PipelineReadiness,
    heartbeat: Heartbeat,
    started: Instant,
    polling_since: SystemTime,
    /// When the worker was last given what may complete a batch.
    folding_since: Instant,
    owned: watch::Sender<Vec<Partition>>,
}

/// A commit on its way.
struct Attempt {
    /// That it repeats, or itself.
    first: u64,
    sent: Sent,
    trace: Option<BatchTrace>,
}

/// What a driver is made of.
pub(super) struct Parts {
    pub(super) mapper: Arc<Mapper>,
    pub(super) database: Database,
    pub(super) subscription: Subscription,
    pub(super) offsets: Offsets,
    pub(super) worker: Worker<Source>,
    pub(super) ready: PipelineReadiness,
    pub(super) heartbeat: Heartbeat,
    /// Where it says which partitions it owns.
    pub(super) owned: watch::Sender<Vec<Partition>>,
    pub(super) group: String,
    pub(super) by_pattern: bool,
    pub(super) signature: Signature,
}

impl Driver {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts {
            mapper,
            database,
            subscription,
            offsets,
            worker,
            ready,
            heartbeat,
            owned,
            group,
            by_pattern,
            signature,
        } = parts;
        let (sender, answers) = mpsc::channel(ANSWERS);
        let pipeline = mapper.spec.pipeline.to_string();
        Self {
            observer: Observer::new(&pipeline),
            requests: Requests {
                database,
                offsets,
                mapper: mapper.clone(),
                answers: sender,
                transactions: Transactions::default(),
                signature,
            },
            pipeline,
            group,
            by_pattern,
            mapper,
            subscription,
            worker,
            answers,
            fetches: BTreeMap::new(),
            replays: BTreeSet::new(),
            revocations: Vec::new(),
            stops: BTreeMap::new(),
            met: None,
            traces: BatchTraces::default(),
            sent: BTreeMap::new(),
            ready,
            heartbeat,
            started: Instant::now(),
            polling_since: SystemTime::now(),
            folding_since: Instant::now(),
            owned,
        }
    }

    /// Runs until it is told to end, or until a writer is met that needs another mapping.
    pub(super) async fn run(
        mut self,
        mut events: Events,
        shutdown: &CancellationToken,
    ) -> Result<Option<Met>, Error> {
        self.ready.set_ready();
        let outcome = self.turn(&mut events, shutdown).await;
        if let Err(error) = &outcome {
            self.ready.set_not_ready(error.to_string());
        }
        self.leave().await;
        outcome
    }

    async fn turn(
        &mut self,
        events: &mut Events,
        shutdown: &CancellationToken,
    ) -> Result<Option<Met>, Error> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            self.carry_out().await?;
            if self.worker.is_idle() && self.met.is_some() {
                return Ok(self.met.take());
            }
            if self.worker.has_stopped() {
                let reasons: Vec<&str> = self.stops.values().map(String::as_str).collect();
                return Err(self.error(ErrorKind::Stopped, reasons.join("; ")));
            }
            self.heartbeat.beat();
            let deadline = self.worker.deadline().map(|at| self.started + at);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                Some(answer) = self.answers.recv() => match answer {
                    Answer::Replays { partition, generation, records } => {
                        self.replays(&partition, generation, records, shutdown).await?;
                    }
                    answer => self.answer(answer)?,
                },
                event = events.recv(), if self.worker.has_room() => match event {
                    Some(event) => self.event(event, shutdown).await?,
                    None => return Err(self.error(ErrorKind::Bug, "the subscription has ended by itself")),
                },
                () = until(deadline) => {
                    self.folding_since = Instant::now();
                    self.worker.start_due_commits(self.now());
                }
                _ = tick.tick() => {
                    for partition in self.observer.known() {
                        self.requests.end(partition.clone());
                    }
                    self.ask_for_replays();
                }
            }
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn event(&mut self, event: Event, shutdown: &CancellationToken) -> Result<(), Error> {
        match event {
            Event::Assigned(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::info!(pipeline = %self.pipeline, count = partitions.len(), "partitions assigned");
                self.owned.send_modify(|owned| owned.extend(partitions.iter().cloned()));
                self.observer.assigned(self.owned.borrow().len());
                self.worker.assign(&partitions);
                self.report_partitions();
            }
            Event::Revoked { partitions, ack } => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::info!(pipeline = %self.pipeline, count = partitions.len(), "partitions revoked");
                self.drop_partitions(&partitions);
                self.revocations.push((partitions, ack));
                self.finish_revocations();
            }
            Event::Lost(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::warn!(pipeline = %self.pipeline, count = partitions.len(), "partitions lost");
                self.drop_partitions(&partitions);
            }
            Event::Records { tp, generation, records } => {
                let partition = partition(&tp);
                if self.met.is_none()
                    && let Some((ours, theirs)) = self.fetches.get(&partition).copied()
                    && theirs == generation
                {
                    self.records(partition, ours, records, shutdown).await?;
                }
                self.polling_since = SystemTime::now();
            }
            Event::Error { tp, generation, error } => {
                tracing::warn!(pipeline = %self.pipeline, %error, "Kafka");
                let fetch =
                    tp.as_ref().map(partition).and_then(|at| Some((self.fetches.get(&at).copied()?, at)));
                match (policy::to_come(error.kind(), self.by_pattern), fetch) {
                    (Action::Stop, _) => return Err(self.error(ErrorKind::Refused, error.to_string())),
                    (_, Some(((ours, theirs), partition))) if generation.is_none_or(|it| it == theirs) => {
                        self.worker.restart(&partition, ours);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        self.folding_since = Instant::now();
        let now = self.now();
        match answer {
            Answer::Position { partition, generation, stored, log } => {
                if let Some(position) = stored
                    && self.owned.borrow().contains(&partition)
                {
                    self.observer.position(&partition, position.next, log.end);
                }
                self.worker.apply_position(&partition, generation, stored, log);
            }
            Answer::Settled { partition, generation } => {
                self.worker.end_position_commit(&partition, generation)
            }
            Answer::States { attempt, found } => self.worker.apply_states(attempt, found, now),
            Answer::Unread { attempt } => self.worker.abort_read(attempt, now),
            Answer::Outcome { attempt, outcome, took } => {
                if let Some(Attempt { first, sent, trace }) = self.sent.remove(&attempt) {
                    let name = self.observer.answered(&sent, &outcome, took);
                    match (trace, &outcome) {
                        (Some(trace), Outcome::Aborted) => self.traces.aborted(first, trace, name),
                        (Some(trace), _) => trace.end(name, sent.letters()),
                        (None, _) => {}
                    }
                }
                self.worker.apply_outcome(attempt, outcome, now);
            }
            Answer::Verified { attempt, stored } => {
                self.worker.apply_verified_positions(attempt, &stored, now)
            }
            // Of a service that leaves: the requests stay for the next owner.
            Answer::Replays { .. } => return Ok(()),
            Answer::End { partition, end } => self.observer.end(&partition, end),
            Answer::Trouble(error) => {
                self.ready.set_not_ready(error);
                return Ok(());
            }
            Answer::Fatal(error) => return Err(self.error(ErrorKind::Refused, error)),
        }
        self.finish_revocations();
        self.show_ready();
        Ok(())
    }

    fn stopped(&mut self, stop: PartitionStop) {
        let PartitionStop { partition, offset, reason } = stop;
        let (code, help) = match &reason {
            StopReason::Record(_) => {
                ("SB-INGEST-PARTITION-STOPPED", "mend the record's cause, or set on_error = \"dead-letter\"")
            }
            StopReason::Gap(_) => {
                self.observer.gap(&partition);
                ("SB-INGEST-GAP", "restore the log, or accept the loss with on_gap = \"skip\"")
            }
        };
        let text = format!("{partition} has stopped at offset {offset}: {reason}; {help} [{code}]");
        tracing::error!(pipeline = %self.pipeline, "{text}");
        self.stops.insert(partition, text);
        self.show_ready();
    }

    fn drop_partitions(&mut self, partitions: &[Partition]) {
        self.worker.revoke(partitions);
        self.owned.send_modify(|owned| owned.retain(|owned| !partitions.contains(owned)));
        for partition in partitions {
            self.fetches.remove(partition);
            self.stops.remove(partition);
            self.observer.forget(partition);
        }
        self.observer.assigned(self.owned.borrow().len());
        self.show_ready();
    }

    fn finish_revocations(&mut self) {
        for (partitions, ack) in std::mem::take(&mut self.revocations) {
            if self.worker.is_committing(&partitions) {
                self.revocations.push((partitions, ack));
            } else {
                ack.acknowledge();
            }
        }
    }

    fn show_ready(&self) {
        match self.stops.values().next() {
            Some(stop) => self.ready.set_not_ready(stop),
            None => self.ready.set_ready(),
        }
        self.report_partitions();
    }

    /// Reports the owned partitions to `/status`, each with the reason if it has stopped.
    fn report_partitions(&self) {
        let owned = self.owned.borrow();
        let partitions = owned.iter().map(|partition| {
            let reason = self.stops.get(partition);
            json!({"topic": &*partition.topic, "partition": partition.number, "stopped": reason})
        });
        self.ready.set_detail("partitions", partitions.collect());
    }

    /// Nothing half done: the commit on its way ends, what was only polled is polled by the next owner.
    async fn leave(mut self) {
        let owned = self.owned.send_replace(Vec::new());
        self.report_partitions();
        self.worker.revoke(&owned);
        let limit = Instant::now() + GOODBYE;
        while self.worker.is_committing(&owned) {
            tokio::select! {
                Some(answer) = self.answers.recv() => {
                    if self.answer(answer).is_err() {
                        break;
                    }
                    while let Some(effect) = self.worker.next_effect() {
                        match effect {
                            WorkerEffect::VerifyPositions { attempt, partitions } => {
                                self.requests.ask(Request::Verify { attempt, partitions });
                            }
                            WorkerEffect::CommitGroupOffset { partition, next } => {
                                self.subscription.commit([(topic_partition(&partition), next)]);
                            }
                            _ => {}
                        }
                    }
                }
                () = until(Some(limit)) => {
                    tracing::warn!(pipeline = %self.pipeline, "leaving with a commit on its way");
                    break;
                }
            }
        }
        self.revocations.clear();
        if let Err(error) = self.subscription.close().await {
            tracing::warn!(pipeline = %self.pipeline, %error, "leaving the group");
        }
        self.heartbeat.done();
        tracing::info!(pipeline = %self.pipeline, "ingest has ended");
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, &self.pipeline, message)
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
