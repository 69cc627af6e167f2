//! The loop of one pipeline: events and answers go into the worker, effects come out.
//!
//! [`Driver`] owns the worker's state machine (`spanbridge_protocol::ingest::Worker`). It feeds the worker with the
//! subscription's events and with the answers of requests, and carries out the effects that the worker returns. The
//! worker decides everything that exactly-once depends on; this loop only moves data.
//!
//! ```text
//! mod.rs             Driver: the loop, effects, shutdown
//! records.rs         RecordMapper: records -> changes
//! holds.rs           Holds: partitions that wait for the registry
//! assignment.rs      Assignment: owned partitions, fetches, revocations, stops
//! commit_tracker.rs  CommitTracker: commits in flight, with their traces and metrics
//! log_ends.rs        LogEnds: which partitions are confirmed at their end
//! skipped_gaps.rs    SkippedGaps: counts offsets that the log no longer holds
//! ```

mod assignment;
mod commit_tracker;
mod holds;
mod log_ends;
mod records;
mod skipped_gaps;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use spanbridge_kafka::{Event, Events, Record, Subscription};
use spanbridge_protocol::ingest::{
    LogRange, Offset, Partition, PartitionStop, StopReason, StoredPartition, Worker, WorkerEffect,
};
use spanbridge_service::{Part, PipelineHealth};
use spanbridge_telemetry::admin::Heartbeat;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::answer::Answer;
use super::evolution::NewFields;
use super::kafka_payload::{KafkaPayload, partition};
use super::metrics::PipelineMetrics;
use super::request::Request;
use super::request_runner::RequestRunner;
use crate::dead_letters::Replay;
use crate::policy::{self, Action};
use crate::{Error, ErrorKind};
use assignment::Assignment;
use commit_tracker::CommitTracker;
use holds::Holds;
use log_ends::{LogEnds, NextCheck};
use records::{MappedRecords, RecordMapper};
use skipped_gaps::SkippedGaps;

/// The maximum time of one turn of the loop. `/livez` reports a longer one.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest interval at which the lag and requested replays are read.
const LAG_INTERVAL: Duration = Duration::from_secs(5);
/// The interval at which the membership is read.
const MEMBERSHIP_INTERVAL: Duration = Duration::from_millis(250);
/// The maximum time that a shutdown waits for the commit in flight. The fence makes it safe to leave earlier.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The loop of one pipeline.
pub(super) struct Driver {
    pipeline: String,
    /// True if a pattern selects the topics, so that a missing topic may appear later.
    by_pattern: bool,
    worker: Worker<KafkaPayload>,
    requests: RequestRunner,
    answers: mpsc::Receiver<Answer>,
    records: RecordMapper,
    holds: Holds,
    assignment: Assignment,
    commits: CommitTracker,
    /// The partitions whose requested replays are being read.
    replays: BTreeSet<Partition>,
    metrics: PipelineMetrics,
    log_ends: LogEnds,
    gaps: SkippedGaps,
    health: PipelineHealth,
    ready_timeout: Duration,
    heartbeat: Heartbeat,
    started: Instant,
}

/// The parts that a driver is made of.
pub(super) struct DriverParts {
    pub(super) requests: RequestRunner,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) subscription: Subscription,
    pub(super) worker: Worker<KafkaPayload>,
    pub(super) health: PipelineHealth,
    pub(super) ready_timeout: Duration,
    pub(super) heartbeat: Heartbeat,
    /// The channel on which the driver announces the partitions that it owns.
    pub(super) owned: watch::Sender<Vec<Partition>>,
    pub(super) group: String,
    pub(super) by_pattern: bool,
}

impl Driver {
    pub(super) fn new(parts: DriverParts) -> Self {
        let DriverParts { requests, answers, worker, health, heartbeat, .. } = parts;
        let (pipeline, database) = (requests.mapper.spec.pipeline.to_string(), requests.database.name());
        Self {
            metrics: PipelineMetrics::new(&pipeline),
            commits: CommitTracker::new(pipeline.clone(), parts.group, database.to_string()),
            records: RecordMapper::new(requests.mapper.clone(), requests.protection.clone()),
            holds: Holds::default(),
            assignment: Assignment::new(pipeline.clone(), parts.subscription, parts.owned, health.clone()),
            pipeline,
            by_pattern: parts.by_pattern,
            worker,
            requests,
            answers,
            replays: BTreeSet::new(),
            log_ends: LogEnds::default(),
            gaps: SkippedGaps::default(),
            health,
            ready_timeout: parts.ready_timeout,
            heartbeat,
            started: Instant::now(),
        }
    }

    /// Runs until the shutdown, or until a writer has fields that need another mapping.
    ///
    /// # Errors
    /// The pipeline cannot continue.
    pub(super) async fn run(
        mut self,
        mut events: Events,
        shutdown: &CancellationToken,
    ) -> Result<Option<NewFields>, Error> {
        self.assignment.report();
        let outcome = self.run_loop(&mut events, shutdown).await;
        if let Err(error) = &outcome {
            self.health.block(error.to_string());
        }
        self.leave().await;
        outcome
    }

    async fn run_loop(
        &mut self,
        events: &mut Events,
        shutdown: &CancellationToken,
    ) -> Result<Option<NewFields>, Error> {
        let mut tick = tokio::time::interval(LAG_INTERVAL.min(self.ready_timeout / 3));
        let mut membership = tokio::time::interval(MEMBERSHIP_INTERVAL);
        let mut is_paused = false;
        loop {
            self.carry_out_effects().await?;
            if self.worker.is_idle() && self.records.has_new_fields() {
                return Ok(self.records.take_new_fields());
            }
            if self.worker.has_stopped() {
                let reasons: Vec<&str> = self.assignment.stop_reasons().collect();
                return Err(self.error(ErrorKind::Stopped, reasons.join("; ")));
            }
            self.heartbeat.beat();
            if is_paused == self.worker.has_room() {
                is_paused = !is_paused;
                self.metrics.paused(if is_paused { self.assignment.len() } else { 0 });
            }
            let deadline = self.worker.deadline().map(|at| self.started + at);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                Some(answer) = self.answers.recv() => match answer {
                    Answer::Replays { partition, generation, replays } => {
                        self.replay(&partition, generation, replays).await?;
                    }
                    answer => self.handle_answer(answer)?,
                },
                event = events.recv(), if self.worker.has_room() => match event {
                    Some(event) => self.handle_event(event).await?,
                    None => return Err(self.error(ErrorKind::Bug, "the subscription has ended unexpectedly")),
                },
                (partition, generation) = self.holds.next() => {
                    self.worker.restart(&partition, generation);
                }
                () = sleep_until(deadline) => {
                    self.commits.start_folding();
                    self.worker.start_due_commits(self.now());
                }
                _ = tick.tick() => {
                    for partition in self.metrics.partitions() {
                        if self.log_ends.start(partition) {
                            self.requests.read_log_end(partition.clone());
                        }
                    }
                    self.read_replays();
                }
                // The group may give a worker nothing, and no topic may match a pattern yet.
                _ = membership.tick() => {
                    self.health.set_member(self.by_pattern || self.assignment.is_member());
                }
            }
        }
    }

    /// Returns the time of the worker's clock, which starts at zero.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn carry_out_effects(&mut self) -> Result<(), Error> {
        while let Some(effect) = self.worker.next_effect() {
            match effect {
                WorkerEffect::ReadPosition { partition, generation } => {
                    self.requests.send(Request::Position { partition, generation });
                }
                WorkerEffect::ReadDigest { partition, generation, offset } => {
                    self.requests.send(Request::Digest { partition, generation, offset });
                }
                WorkerEffect::CommitPosition { partition, generation, mutations, gap } => {
                    if let Some(gap) = gap {
                        self.gaps.start(&partition, gap);
                    }
                    self.requests.send(Request::Settle { partition, generation, mutations });
                }
                WorkerEffect::ReadStates { attempt, keys, ranges, lock: false, .. } => {
                    self.requests.send(Request::States { attempt, keys, ranges });
                }
                WorkerEffect::ReadStates { attempt, first, keys, ranges, lock: true } => {
                    let trace = self.commits.trace_context(first);
                    self.requests.lock(attempt, keys, ranges, trace);
                }
                WorkerEffect::Rollback { attempt } => self.requests.release(attempt),
                WorkerEffect::Fetch { partition, generation, offset } => {
                    let started = self.assignment.start_fetch(&partition, generation, offset).await;
                    if !started.map_err(|error| Error::of_kafka(&self.pipeline, &error))? {
                        self.worker.restart(&partition, generation);
                    }
                }
                WorkerEffect::StopFetch { partition } => self.assignment.end_fetch(&partition).await,
                WorkerEffect::ReportStop(stop) => self.handle_stop(&stop),
                effect @ (WorkerEffect::Commit(_)
                | WorkerEffect::VerifyPositions { .. }
                | WorkerEffect::CommitGroupOffset { .. }) => self.carry_out_commit_effect(effect),
            }
        }
        // The group's offsets are mirrored before the partitions are given away.
        self.assignment.finish_revocations(&self.worker);
        Ok(())
    }

    async fn handle_event(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Assigned(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::info!(pipeline = %self.pipeline, count = partitions.len(), "partitions assigned");
                self.assignment.assign(&partitions);
                self.metrics.assigned(self.assignment.len());
                self.worker.assign(&partitions);
                self.assignment.report();
            }
            Event::Revoked { partitions, ack } => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::info!(pipeline = %self.pipeline, count = partitions.len(), "partitions revoked");
                self.remove_partitions(&partitions);
                self.assignment.add_revocation(partitions, ack);
            }
            Event::Lost(partitions) => {
                let partitions: Vec<_> = partitions.iter().map(partition).collect();
                tracing::warn!(pipeline = %self.pipeline, count = partitions.len(), "partitions lost");
                self.remove_partitions(&partitions);
            }
            Event::Records { tp, generation, records } => {
                self.health.answered(Part::Kafka);
                let partition = partition(&tp);
                let generation = self.assignment.worker_generation(&partition, Some(generation));
                if let Some(generation) = generation.filter(|_| !self.records.has_new_fields()) {
                    self.apply(partition, generation, records).await?;
                }
                self.commits.start_polling();
            }
            Event::End { tp, generation, position } => {
                self.health.answered(Part::Kafka);
                let partition = partition(&tp);
                let generation = self.assignment.worker_generation(&partition, Some(generation));
                // Records behind a new field were dropped, so the position is past records that are not applied.
                if let Some(generation) = generation.filter(|_| !self.records.has_new_fields()) {
                    self.worker.reach_end(&partition, generation, position, self.now());
                }
            }
            Event::Error { tp, generation, error } => {
                self.health.kafka::<()>(&Err(error.clone()));
                if !self.health.is_away(Part::Kafka)
                    && let Some(left_out) = self.health.next_line(error.code())
                {
                    tracing::warn!(pipeline = %self.pipeline, %error, left_out, "Kafka reports an error");
                }
                if policy::kafka_may_come(error.kind(), self.by_pattern) == Action::Stop {
                    return Err(Error::of_kafka(&self.pipeline, &error));
                }
                if let Some(partition) = tp.as_ref().map(partition)
                    && let Some(generation) = self.assignment.worker_generation(&partition, generation)
                {
                    self.worker.restart(&partition, generation);
                }
            }
        }
        Ok(())
    }

    /// Maps polled records and gives them to the worker.
    async fn apply(
        &mut self,
        partition: Partition,
        generation: u64,
        records: Vec<Record>,
    ) -> Result<(), Error> {
        let span = self.commits.polled(&records);
        self.metrics.polled(&partition, &records);
        let records = records.into_iter().map(|record| (record, None));
        let MappedRecords { mapped, held } = self.records.map(&partition, records).instrument(span).await?;
        self.commits.start_folding();
        if !mapped.is_empty() {
            self.worker.add_records(&partition, generation, mapped, self.now());
        }
        if let Some((record, reason)) = held {
            // Records that were polled meanwhile have an older generation. They are polled again.
            self.assignment.end_fetch(&partition).await;
            self.health.failed(Part::Registry, &reason);
            let mapper = self.records.mapper().clone();
            self.holds.add(mapper, partition, generation, record, self.health.clone());
        }
        Ok(())
    }

    /// Reads requested replays of partitions whose previous replays are done.
    fn read_replays(&mut self) {
        for (partition, generation) in self.assignment.fetches() {
            if self.worker.accepts_replays(partition, generation) && self.replays.insert(partition.clone()) {
                let partition = partition.clone();
                self.requests.send(Request::Replays { partition, generation });
            }
        }
    }

    /// Maps dead letters once more and gives them to the worker.
    async fn replay(
        &mut self,
        partition: &Partition,
        generation: u64,
        replays: Vec<Replay>,
    ) -> Result<(), Error> {
        self.replays.remove(partition);
        if replays.is_empty() || self.records.has_new_fields() {
            return Ok(());
        }
        tracing::info!(pipeline = %self.pipeline, %partition, count = replays.len(), "replaying dead letters");
        let records = replays.into_iter().map(|Replay { record, failure }| (record, failure));
        let MappedRecords { mapped, held } = self.records.map(partition, records).await?;
        match held {
            // The requests remain stored, and are read again.
            Some((_, reason)) => self.health.failed(Part::Registry, &reason),
            None => self.worker.add_replays(partition, generation, mapped, self.now()),
        }
        Ok(())
    }

    fn handle_answer(&mut self, answer: Answer) -> Result<(), Error> {
        self.commits.start_folding();
        let now = self.now();
        match answer {
            Answer::Position { partition, generation, stored, log } => {
                if let StoredPartition::Registered { position, .. } = stored
                    && self.assignment.owns(&partition)
                {
                    self.note_position(&partition, position.next, log);
                }
                self.worker.apply_position(&partition, generation, stored, log);
            }
            Answer::Digest { partition, generation, offset, digest } => {
                self.worker.apply_digest(&partition, generation, offset, digest);
            }
            Answer::Settled { partition, generation } => {
                self.worker.end_position_commit(&partition, generation)
            }
            Answer::States { attempt, states } => self.worker.apply_states(attempt, states, now),
            Answer::ReadAborted { attempt } => self.worker.abort_read(attempt, now),
            Answer::ReadTooLarge { attempt, failure } => self.worker.reject_read(attempt, failure, now),
            Answer::Outcome { attempt, outcome, took } => {
                for partition in self.commits.end(attempt, &outcome, took, &mut self.metrics) {
                    self.health.progressed(&partition.to_string());
                }
                self.worker.apply_outcome(attempt, outcome, now);
            }
            Answer::Verified { attempt, stored } => {
                self.worker.apply_verified_positions(attempt, &stored, now)
            }
            // The service shuts down. The requests remain stored for the next owner.
            Answer::Replays { .. } => return Ok(()),
            Answer::LogEnd { partition, end } => self.note_log_end(&partition, end),
            Answer::Rest { partition, position, end, has_records } => {
                if has_records == Some(false) {
                    self.health.progressed(&partition.to_string());
                }
                let next = self.log_ends.end_check(&partition, position, end, has_records);
                if let Some((partition, position, end)) = next {
                    self.requests.read_rest(partition, position, end);
                }
            }
            Answer::Fatal(kind, error) => return Err(self.error(kind, error)),
        }
        Ok(())
    }

    /// Notes a stored position, which Spanner and Kafka have just confirmed.
    fn note_position(&mut self, partition: &Partition, position: Offset, log: LogRange) {
        if let Some(offsets) = self.gaps.observe(partition, position) {
            self.metrics.gap(partition);
            self.metrics.skipped(partition, offsets);
        }
        self.metrics.position(partition, position, log.end);
        if position >= log.end {
            self.health.progressed(&partition.to_string());
        }
    }

    /// Notes the end of a log. A partition whose position is there, or has only markers of transactions before it, is
    /// confirmed at its end.
    fn note_log_end(&mut self, partition: &Partition, end: Option<Offset>) {
        self.log_ends.end(partition);
        let Some(end) = end else { return };
        let Some(position) = self.metrics.log_end(partition, end) else { return };
        match self.log_ends.check(partition, position, end) {
            NextCheck::AtEnd => self.health.progressed(&partition.to_string()),
            NextCheck::ReadRest => self.requests.read_rest(partition.clone(), position, end),
            NextCheck::Moving => {}
        }
    }

    fn handle_stop(&mut self, stop: &PartitionStop) {
        if matches!(stop.reason, StopReason::Log(_)) {
            self.metrics.gap(&stop.partition);
        }
        self.assignment.stop(stop);
        self.assignment.report();
    }

    fn remove_partitions(&mut self, partitions: &[Partition]) {
        self.worker.revoke(partitions);
        self.assignment.remove(partitions);
        for partition in partitions {
            self.metrics.forget(partition);
            self.log_ends.forget(partition);
            self.gaps.forget(partition);
        }
        self.holds.remove(partitions);
        self.metrics.assigned(self.assignment.len());
        self.assignment.report();
    }

    /// Waits for the commit in flight and leaves the group. The next owner polls all records that are not committed.
    async fn leave(mut self) {
        let owned = self.assignment.remove_all();
        self.assignment.report();
        self.worker.revoke(&owned);
        self.carry_out_last_effects();
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        while self.worker.is_committing(&owned) {
            tokio::select! {
                Some(answer) = self.answers.recv() => {
                    if self.handle_answer(answer).is_err() {
                        break;
                    }
                    self.carry_out_last_effects();
                }
                () = sleep_until(Some(deadline)) => {
                    tracing::warn!(pipeline = %self.pipeline, "shutting down with a commit in flight");
                    break;
                }
            }
        }
        self.assignment.close().await;
        self.heartbeat.done();
        tracing::info!(pipeline = %self.pipeline, "ingest has ended");
    }

    /// Carries out the effects that are left after all partitions were given up.
    fn carry_out_last_effects(&mut self) {
        while let Some(effect) = self.worker.next_effect() {
            self.carry_out_commit_effect(effect);
        }
    }

    /// Carries out an effect of a commit, which a revoked partition still needs. Ignores the others.
    fn carry_out_commit_effect(&mut self, effect: WorkerEffect) {
        match effect {
            WorkerEffect::Commit(commit) => {
                let (span, trace) = self.commits.start(&commit);
                self.requests.commit(commit, span, trace);
            }
            WorkerEffect::VerifyPositions { attempt, partitions } => {
                self.requests.send(Request::Verify { attempt, partitions });
            }
            WorkerEffect::CommitGroupOffset { partition, next } => self.assignment.mirror(&partition, next),
            _ => {}
        }
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, &self.pipeline, message)
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
