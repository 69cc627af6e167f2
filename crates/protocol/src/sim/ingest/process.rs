//! One worker process: the machine and what is under way between it and the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::Rng;
use super::log::{EmptyPayload, LogEntry};
use super::spec::spec;
use super::store::{CommitRequest, FakeSpanner, Locks};
use crate::ingest::{
    LogRange, Offset, OnError, OnGap, Outcome, Partition, Position, RowKey, Worker, WorkerEffect,
    WorkerLimits,
};
use crate::value::Value;

/// An answer on its way back.
enum Answer {
    Position(Partition, u64, Option<Position>, LogRange),
    Settled(Partition, u64),
    States(u64, Vec<(RowKey, Vec<Value>)>),
    Unread(u64),
    Outcome(u64, Outcome),
    Verified(u64, Vec<(Partition, Option<Position>)>),
    Replays(Partition, u64, Vec<Offset>),
}

pub(super) struct Process {
    pub(super) worker: Worker<EmptyPayload>,
    requests: Vec<WorkerEffect>,
    answers: Vec<Answer>,
    fetching: BTreeMap<Partition, (u64, Offset)>,
    /// Partitions whose requests for replays are being read.
    replays: BTreeSet<Partition>,
    /// The transactions that are open, by attempt.
    transactions: BTreeMap<u64, Locks>,
    /// What the group has told it to do, not yet heard.
    pub(super) notices: Vec<GroupNotice>,
}

pub(super) enum GroupNotice {
    Assigned(Partition),
    Revoked(Partition),
}

/// The environment of a process.
pub(super) struct ProcessEnvironment<'a> {
    pub(super) store: &'a mut FakeSpanner,
    pub(super) logs: &'a [Vec<LogEntry>],
    /// Commits that the network still holds, to be executed at any later time.
    pub(super) late: &'a mut Vec<CommitRequest>,
    pub(super) faults: bool,
    pub(super) now: Duration,
}

impl Process {
    pub(super) fn new() -> Self {
        let limits = WorkerLimits {
            max_records: 6,
            max_bytes: 10_000,
            max_wait: Duration::from_millis(20),
            max_in_flight: 2,
            cached_bytes: 1500,
            max_mutations: 80_000,
            backoff: Duration::from_millis(1),
        };
        Self {
            worker: Worker::new(spec(), limits, OnError::DeadLetter, OnGap::Stop),
            requests: Vec::new(),
            answers: Vec::new(),
            fetching: BTreeMap::new(),
            replays: BTreeSet::new(),
            transactions: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// One step of any kind.
    pub(super) fn step(&mut self, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Result<(), String> {
        match rng.below(5) {
            0 => self.hear(rng),
            1 => self.execute(rng, env)?,
            2 => self.answer(rng, env),
            3 => self.fetch(rng, env),
            _ => self.worker.start_due_commits(env.now),
        }
        self.collect();
        Ok(())
    }

    /// A crash: what was sent may still arrive.
    pub(super) fn crash(&mut self, late: &mut Vec<CommitRequest>) {
        for request in self.requests.drain(..) {
            if let WorkerEffect::Commit(commit) = request {
                let locks = self.transactions.remove(&commit.attempt);
                late.push(CommitRequest { mutations: commit.mutations, locks });
            }
        }
        *self = Self::new();
    }

    /// The group's notices come in their order. Who is slow to hear of a revocation lives on as a zombie.
    fn hear(&mut self, rng: &mut Rng) {
        match self.notices.first() {
            None => return,
            Some(GroupNotice::Revoked(_)) if rng.percent(80) => return,
            Some(_) => {}
        }
        match self.notices.remove(0) {
            GroupNotice::Assigned(partition) => self.worker.assign(&[partition]),
            GroupNotice::Revoked(partition) => {
                self.fetching.remove(&partition);
                self.worker.revoke(&[partition]);
            }
        }
    }

    fn collect(&mut self) {
        while let Some(effect) = self.worker.next_effect() {
            match effect {
                WorkerEffect::Fetch { partition, generation, offset } => {
                    self.fetching.insert(partition, (generation, offset));
                }
                WorkerEffect::StopFetch { partition } => {
                    self.fetching.remove(&partition);
                }
                WorkerEffect::Rollback { attempt } => drop(self.transactions.remove(&attempt)),
                WorkerEffect::CommitGroupOffset { .. } | WorkerEffect::ReportStop(_) => {}
                request => self.requests.push(request),
            }
        }
    }

    fn execute(&mut self, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Result<(), String> {
        let Some(request) = rng.draw(&mut self.requests) else { return Ok(()) };
        let answer = match request {
            WorkerEffect::ReadPosition { partition, generation } => {
                let stored = position(env.store, &partition)?;
                let log = &env.logs[partition.number as usize];
                let range = LogRange { start: log[0].offset, end: log[log.len() - 1].offset + 1 };
                Answer::Position(partition, generation, stored, range)
            }
            WorkerEffect::CommitPosition { partition, generation, mutations } => {
                env.store.commit(&CommitRequest { mutations, locks: None });
                Answer::Settled(partition, generation)
            }
            WorkerEffect::ReadStates { attempt, lock: true, .. } if env.faults && rng.percent(5) => {
                Answer::Unread(attempt)
            }
            WorkerEffect::ReadStates { attempt, keys, ranges, lock, .. } => {
                if lock {
                    self.transactions.insert(attempt, env.store.lock(&keys, &ranges));
                }
                let mut found = env.store.states(&keys);
                found.extend(env.store.ranges(&ranges));
                Answer::States(attempt, found)
            }
            WorkerEffect::Commit(commit) => {
                let locks = self.transactions.remove(&commit.attempt);
                assert_eq!(locks.is_some(), commit.in_transaction, "the transaction that was begun");
                let request = CommitRequest { mutations: commit.mutations, locks };
                Answer::Outcome(commit.attempt, send(request, rng, env))
            }
            WorkerEffect::VerifyPositions { attempt, partitions } => {
                let stored = partitions
                    .into_iter()
                    .map(|partition| position(env.store, &partition).map(|position| (partition, position)));
                Answer::Verified(attempt, stored.collect::<Result<_, _>>()?)
            }
            other => unreachable!("{other:?} is done at once"),
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
            Some(Answer::Settled(partition, generation)) => {
                self.worker.end_position_commit(&partition, generation)
            }
            Some(Answer::States(attempt, states)) => self.worker.apply_states(attempt, states, now),
            Some(Answer::Unread(attempt)) => self.worker.abort_read(attempt, now),
            Some(Answer::Outcome(attempt, outcome)) => self.worker.apply_outcome(attempt, outcome, now),
            Some(Answer::Verified(attempt, stored)) => {
                self.worker.apply_verified_positions(attempt, &stored, now)
            }
            Some(Answer::Replays(partition, generation, offsets)) => {
                let log = env.logs[partition.number as usize].iter();
                let wanted = log.filter(|entry| offsets.contains(&entry.offset));
                let records = wanted.map(|entry| entry.mended().record(partition.number)).collect();
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
        let Some((partition, (generation, next))) = self.fetching.iter_mut().nth(any) else { return };
        if rng.percent(25)
            && self.worker.accepts_replays(partition, *generation)
            && self.replays.insert(partition.clone())
        {
            let requests = env.store.requests(partition);
            self.answers.push(Answer::Replays(partition.clone(), *generation, requests));
            return;
        }
        if rng.percent(3) && env.faults {
            self.worker.restart(&partition.clone(), *generation);
            return;
        }
        let log = &env.logs[partition.number as usize];
        let entries = log.iter().filter(|entry| entry.offset >= *next).take(1 + rng.below(8));
        let records: Vec<_> = entries.map(|entry| entry.record(partition.number)).collect();
        if let Some(last) = records.last() {
            *next = last.offset + 1;
        }
        self.worker.add_records(&partition.clone(), *generation, records, env.now);
    }
}

fn send(request: CommitRequest, rng: &mut Rng, env: &mut ProcessEnvironment<'_>) -> Outcome {
    let chance = if env.faults { rng.below(100) } else { 99 };
    match chance {
        0..5 => Outcome::Aborted,
        5..10 => Outcome::InDoubt,
        10..15 => {
            env.store.commit(&request);
            Outcome::InDoubt
        }
        15..20 => {
            env.late.push(request);
            Outcome::InDoubt
        }
        20..25 => {
            let outcome = env.store.commit(&request);
            // A transaction commits once; a single-use commit may be executed again.
            if request.locks.is_none() {
                env.late.push(request);
            }
            outcome
        }
        // Resent by the client: the answer is that to the second time.
        25..30 if request.locks.is_none() => {
            env.store.commit(&request);
            env.store.commit(&request)
        }
        _ => env.store.commit(&request),
    }
}

fn position(store: &FakeSpanner, partition: &Partition) -> Result<Option<Position>, String> {
    match store.stored(partition)[..] {
        [] => Ok(None),
        [position] => Ok(Some(position)),
        ref many => Err(format!("the number of positions of {partition} differs from one: {many:?}")),
    }
}
