//! One worker process: the state machine, and the effects and answers in transit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fake_spanner::{CommitRequest, FakeSpanner, Locks, MAX_READ_ROWS};
use super::kafka_log::PartitionLog;
use super::log_entry::LogEntry;
use super::pipeline::spec;
use super::record_payload::RecordPayload;
use crate::ingest::{
    Digest, Failure, Gap, GapKind, LogMismatchKind, LogRange, Offset, OnError, OnGap, Outcome, Partition,
    PartitionStop, Position, RowKey, StopReason, StoredPartition, Worker, WorkerEffect, WorkerLimits,
};
use crate::sim::rng::Rng;
use crate::sim::tally;
use crate::value::Value;

/// An answer in transit to the worker.
enum Answer {
    Position(Partition, u64, StoredPartition, LogRange),
    Digest(Partition, u64, Offset, Option<Digest>),
    Settled(Partition, u64),
    States(u64, Vec<(RowKey, Vec<Value>)>),
    Unread(u64),
    TooWide(u64),
    Outcome(u64, Outcome),
    Verified(u64, Vec<(Partition, Option<Position>)>),
    Replays(Partition, u64, Vec<u64>),
}

pub(super) struct Process {
    worker: Worker<RecordPayload>,
    on_gap: OnGap,
    requests: Vec<WorkerEffect>,
    answers: Vec<Answer>,
    fetching: BTreeMap<Partition, Fetch>,
    /// The partitions that have stopped, because the log does not fit their position.
    stopped: BTreeMap<Partition, LogMismatchKind>,
    /// The partitions whose replay requests are being read.
    replays: BTreeSet<Partition>,
    /// The open transactions, by attempt.
    transactions: BTreeMap<u64, Locks>,
    /// The rebalances that the process has not received yet.
    pub(super) group_events: Vec<GroupEvent>,
}

/// A fetch of one partition.
struct Fetch {
    generation: u64,
    next: Offset,
    /// The version of the log at the start. The brokers report an error to a fetch of an older version.
    version: usize,
}

pub(super) enum GroupEvent {
    Assigned(Partition),
    Revoked(Partition),
}

/// The environment of a process.
pub(super) struct ProcessEnvironment<'a> {
    pub(super) spanner: &'a mut FakeSpanner,
    pub(super) logs: &'a [PartitionLog],
    /// The commits that are delayed in the network and execute at any later time.
    pub(super) late: &'a mut Vec<CommitRequest>,
    pub(super) faults: bool,
    pub(super) now: Duration,
}

impl ProcessEnvironment<'_> {
    fn log(&self, partition: &Partition) -> &PartitionLog {
        &self.logs[partition.number as usize]
    }
}

impl Process {
    pub(super) fn new(on_gap: OnGap) -> Self {
        let limits = WorkerLimits {
            max_records: 6,
            max_bytes: 10_000,
            max_wait: Duration::from_millis(20),
            max_in_flight: 2,
            cached_bytes: 1500,
            max_mutations: 80_000,
            backoff: Duration::from_millis(1),
            end_interval: Duration::from_millis(30),
        };
        Self {
            worker: Worker::new(spec(), limits, OnError::DeadLetter, on_gap),
            on_gap,
            requests: Vec::new(),
            answers: Vec::new(),
            fetching: BTreeMap::new(),
            stopped: BTreeMap::new(),
            replays: BTreeSet::new(),
            transactions: BTreeMap::new(),
            group_events: Vec::new(),
        }
    }

    /// Takes any one step.
    pub(super) fn step(&mut self, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Result<(), String> {
        match rng.below(5) {
            0 => self.receive_group_event(rng),
            1 => self.execute(rng, env)?,
            2 => self.answer(rng, env),
            3 => self.fetch(rng, env),
            _ => self.worker.start_due_commits(env.now),
        }
        self.collect_effects(env)
    }

    /// Crashes. Commits in transit may still execute.
    pub(super) fn crash(&mut self, late: &mut Vec<CommitRequest>) {
        for request in self.requests.drain(..) {
            if let WorkerEffect::Commit(commit) = request {
                let locks = self.transactions.remove(&commit.attempt);
                late.push(CommitRequest { mutations: commit.mutations, locks });
            }
        }
        *self = Self::new(self.on_gap);
    }

    /// Receives the next rebalance. A process that receives a revocation late is a zombie until then.
    fn receive_group_event(&mut self, rng: &mut Rng) {
        match self.group_events.first() {
            None => return,
            Some(GroupEvent::Revoked(_)) if rng.percent(80) => return,
            Some(_) => {}
        }
        match self.group_events.remove(0) {
            GroupEvent::Assigned(partition) => self.worker.assign(&[partition]),
            GroupEvent::Revoked(partition) => {
                self.fetching.remove(&partition);
                self.stopped.remove(&partition);
                self.worker.revoke(&[partition]);
            }
        }
    }

    /// Returns the mismatch at which a partition has stopped.
    pub(super) fn stopped_at(&self, partition: &Partition) -> Option<LogMismatchKind> {
        self.stopped.get(partition).copied()
    }

    /// Starts a stopped partition again, as a restart of the process does.
    pub(super) fn restart_stopped(&mut self, partition: &Partition) {
        self.stopped.remove(partition);
        self.worker.assign(std::slice::from_ref(partition));
    }

    /// Returns whether the process is looking for the position of the partition, or is about to.
    pub(super) fn is_locating(&self, partition: &Partition) -> bool {
        let is_request = |request: &WorkerEffect| match request {
            WorkerEffect::ReadPosition { partition: of, .. }
            | WorkerEffect::ReadDigest { partition: of, .. }
            | WorkerEffect::CommitPosition { partition: of, .. } => of == partition,
            _ => false,
        };
        let is_answer = |answer: &Answer| match answer {
            Answer::Position(of, ..) | Answer::Digest(of, ..) | Answer::Settled(of, ..) => of == partition,
            _ => false,
        };
        self.requests.iter().any(is_request) || self.answers.iter().any(is_answer)
    }

    fn collect_effects(&mut self, env: &ProcessEnvironment<'_>) -> Result<(), String> {
        while let Some(effect) = self.worker.next_effect() {
            match effect {
                WorkerEffect::Fetch { partition, generation, offset: next } => {
                    let version = env.log(&partition).version();
                    self.fetching.insert(partition, Fetch { generation, next, version });
                }
                WorkerEffect::StopFetch { partition } => {
                    self.fetching.remove(&partition);
                }
                WorkerEffect::Rollback { attempt } => drop(self.transactions.remove(&attempt)),
                WorkerEffect::CommitGroupOffset { .. } => {}
                WorkerEffect::ReportStop(stop) => self.note_stop(stop)?,
                request => self.requests.push(request),
            }
        }
        Ok(())
    }

    /// Notes a partition that has stopped.
    ///
    /// # Errors
    /// If the partition should not have stopped.
    fn note_stop(&mut self, stop: PartitionStop) -> Result<(), String> {
        let PartitionStop { partition, reason, .. } = stop;
        let StopReason::Log(mismatch) = reason else { return Err(format!("{partition} stops: {reason}")) };
        let is_wrong = match mismatch.kind {
            LogMismatchKind::Expired => true,
            kind => self.on_gap == OnGap::Skip && kind.gap().is_some(),
        };
        if is_wrong {
            return Err(format!("{partition} stops, which differs from what it should do: {mismatch}"));
        }
        tally::note("log mismatch stops a partition", || format!("{partition}: {mismatch}"));
        self.stopped.insert(partition, mismatch.kind);
        Ok(())
    }

    fn execute(&mut self, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Result<(), String> {
        let Some(request) = rng.draw(&mut self.requests) else { return Ok(()) };
        let answer = match request {
            WorkerEffect::ReadPosition { partition, generation } => {
                let position = position(env.spanner, &partition)?;
                let stored = match (env.spanner.registration(&partition), position) {
                    (None, _) => StoredPartition::Unregistered,
                    (Some(_), None) => StoredPartition::WithoutPosition,
                    (Some(registration), Some(position)) => {
                        StoredPartition::Registered { position, registration }
                    }
                };
                let range = env.log(&partition).range();
                Answer::Position(partition, generation, stored, range)
            }
            WorkerEffect::ReadDigest { partition, generation, offset } => {
                let record = env.log(&partition).fetch(offset).next().filter(|it| it.offset == offset);
                let digest = record.map(LogEntry::digest);
                Answer::Digest(partition, generation, offset, digest)
            }
            WorkerEffect::CommitPosition { partition, generation, mutations, gap } => {
                if let Some(gap) = gap {
                    tally::note(gap_name(gap), || format!("{partition}: {gap:?}"));
                }
                env.spanner.commit(&CommitRequest { mutations, locks: None });
                Answer::Settled(partition, generation)
            }
            WorkerEffect::ReadStates { attempt, lock: true, .. } if env.faults && rng.percent(5) => {
                Answer::Unread(attempt)
            }
            WorkerEffect::ReadStates { attempt, keys, ranges, lock, .. } => {
                let ranged = env.spanner.ranges(&ranges);
                if ranged.len() > MAX_READ_ROWS {
                    self.answers.push(Answer::TooWide(attempt));
                    return Ok(());
                }
                if lock {
                    self.transactions.insert(attempt, env.spanner.lock(&keys, &ranges));
                }
                let mut found = env.spanner.states(&keys);
                found.extend(ranged);
                Answer::States(attempt, found)
            }
            WorkerEffect::Commit(commit) => {
                let locks = self.transactions.remove(&commit.attempt);
                assert_eq!(
                    locks.is_some(),
                    commit.in_transaction,
                    "a transaction commits if and only if it has begun"
                );
                let request = CommitRequest { mutations: commit.mutations, locks };
                Answer::Outcome(commit.attempt, send(request, rng, env))
            }
            WorkerEffect::VerifyPositions { attempt, partitions } => {
                let stored = partitions
                    .into_iter()
                    .map(|partition| position(env.spanner, &partition).map(|position| (partition, position)));
                Answer::Verified(attempt, stored.collect::<Result<_, _>>()?)
            }
            other => unreachable!("{other:?} is carried out at once"),
        };
        self.answers.push(answer);
        Ok(())
    }

    fn answer(&mut self, rng: &mut Rng, env: &ProcessEnvironment<'_>) {
        let now = env.now;
        match rng.draw(&mut self.answers) {
            Some(Answer::Position(partition, generation, stored, log)) => {
                self.worker.apply_position(&partition, generation, stored, log);
            }
            Some(Answer::Digest(partition, generation, offset, digest)) => {
                self.worker.apply_digest(&partition, generation, offset, digest);
            }
            Some(Answer::Settled(partition, generation)) => {
                self.worker.end_position_commit(&partition, generation)
            }
            Some(Answer::States(attempt, states)) => self.worker.apply_states(attempt, states, now),
            Some(Answer::Unread(attempt)) => self.worker.abort_read(attempt, now),
            Some(Answer::TooWide(attempt)) => {
                self.worker.reject_read(attempt, Failure::new("SB-TEST", "too wide"), now);
            }
            Some(Answer::Outcome(attempt, outcome)) => self.worker.apply_outcome(attempt, outcome, now),
            Some(Answer::Verified(attempt, stored)) => {
                self.worker.apply_verified_positions(attempt, &stored, now)
            }
            Some(Answer::Replays(partition, generation, ids)) => {
                let wanted = ids.into_iter().filter_map(|id| env.log(&partition).record(id));
                let records = wanted.map(|entry| entry.fixed().record(partition.number)).collect();
                self.worker.add_replays(&partition, generation, records, now);
                self.replays.remove(&partition);
            }
            None => {}
        }
    }

    fn fetch(&mut self, rng: &mut Rng, env: &ProcessEnvironment<'_>) {
        if self.fetching.is_empty() || !self.worker.has_room() {
            return;
        }
        let any = rng.below(self.fetching.len());
        let Some((partition, fetch)) = self.fetching.iter_mut().nth(any) else { return };
        let Fetch { generation, next, version } = fetch;
        if rng.percent(25)
            && self.worker.accepts_replays(partition, *generation)
            && self.replays.insert(partition.clone())
        {
            let requests = env.spanner.replay_requests(partition);
            self.answers.push(Answer::Replays(partition.clone(), *generation, requests));
            return;
        }
        if rng.percent(3) && env.faults {
            self.worker.restart(&partition.clone(), *generation);
            return;
        }
        let log = env.log(partition);
        if *next < log.range().start || *version != log.version() {
            // The offset is out of range, or the topic is another one.
            self.worker.restart(&partition.clone(), *generation);
            return;
        }
        let entries = log.fetch(*next).take(1 + rng.below(8));
        let records: Vec<_> = entries.map(|entry| entry.record(partition.number)).collect();
        if let Some(last) = records.last() {
            *next = last.offset + 1;
        }
        let end = log.fetch(*next).next().is_none().then_some(log.range().end).filter(|end| end > next);
        let (partition, generation) = (partition.clone(), *generation);
        self.worker.add_records(&partition, generation, records, env.now);
        if let Some(end) = end {
            self.worker.reach_end(&partition, generation, end, env.now);
        }
    }
}

fn gap_name(gap: Gap) -> &'static str {
    match gap.kind {
        GapKind::Expired => "expired records are skipped",
        GapKind::Truncated => "truncation is skipped",
        GapKind::Replaced => "replaced log is read from its start",
    }
}

fn send(request: CommitRequest, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Outcome {
    let chance = if env.faults { rng.below(100) } else { 99 };
    let kind = match chance {
        0..5 => "commit is aborted",
        5..10 => "commit is lost, in doubt",
        10..15 => "commit is applied, in doubt",
        15..20 => "commit is delayed, in doubt",
        20..25 => "commit is applied, and repeated later",
        25..30 => "commit is sent twice",
        _ => "commit",
    };
    tally::note(kind, || format!("{:?}", request.mutations));
    match chance {
        0..5 => Outcome::Aborted,
        5..10 => Outcome::InDoubt,
        10..15 => {
            env.spanner.commit(&request);
            Outcome::InDoubt
        }
        15..20 => {
            env.late.push(request);
            Outcome::InDoubt
        }
        20..25 => {
            let outcome = env.spanner.commit(&request);
            // A transaction commits once. A single-use commit may execute again.
            if request.locks.is_none() {
                env.late.push(request);
            }
            outcome
        }
        // The client library has sent the commit twice and returns the second answer.
        25..30 if request.locks.is_none() => {
            env.spanner.commit(&request);
            env.spanner.commit(&request)
        }
        _ => env.spanner.commit(&request),
    }
}

fn position(spanner: &FakeSpanner, partition: &Partition) -> Result<Option<Position>, String> {
    match spanner.stored_positions(partition)[..] {
        [] => Ok(None),
        [position] => Ok(Some(position)),
        ref many => Err(format!("the number of positions of {partition} differs from one: {many:?}")),
    }
}
