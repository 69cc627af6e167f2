//! One worker process: the machine and what is under way between it and the world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::Rng;
use super::log::{Entry, Raw};
use super::spec::spec;
use super::store::{Locks, Request, Store};
use crate::ingest::{
    Effect, Limits, LogRange, Offset, OnError, OnGap, Outcome, Partition, Position, RowKey, Worker,
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
    pub(super) worker: Worker<Raw>,
    requests: Vec<Effect>,
    answers: Vec<Answer>,
    fetching: BTreeMap<Partition, (u64, Offset)>,
    /// Partitions whose requests for replays are being read.
    replays: BTreeSet<Partition>,
    /// The transactions that are open, by attempt.
    transactions: BTreeMap<u64, Locks>,
    /// What the group has told it to do, not yet heard.
    pub(super) notices: Vec<Notice>,
}

pub(super) enum Notice {
    Assigned(Partition),
    Revoked(Partition),
}

/// The world around a process.
pub(super) struct Around<'a> {
    pub(super) store: &'a mut Store,
    pub(super) logs: &'a [Vec<Entry>],
    /// Commits that the network still holds, to be executed at any later time.
    pub(super) late: &'a mut Vec<Request>,
    pub(super) faults: bool,
    pub(super) now: Duration,
}

impl Process {
    pub(super) fn new() -> Self {
        let limits = Limits {
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
    pub(super) fn step(&mut self, dice: &mut Rng, around: &mut Around<'_>) -> Result<(), String> {
        match dice.below(5) {
            0 => self.hear(dice),
            1 => self.execute(dice, around)?,
            2 => self.answer(dice, around),
            3 => self.fetch(dice, around),
            _ => self.worker.due(around.now),
        }
        self.collect();
        Ok(())
    }

    /// A crash: what was sent may still arrive.
    pub(super) fn crash(&mut self, late: &mut Vec<Request>) {
        for request in self.requests.drain(..) {
            if let Effect::Commit(commit) = request {
                let locks = self.transactions.remove(&commit.attempt);
                late.push(Request { mutations: commit.mutations, locks });
            }
        }
        *self = Self::new();
    }

    /// The group's notices come in their order. Who is slow to hear of a revocation lives on as a zombie.
    fn hear(&mut self, dice: &mut Rng) {
        match self.notices.first() {
            None => return,
            Some(Notice::Revoked(_)) if dice.percent(80) => return,
            Some(_) => {}
        }
        match self.notices.remove(0) {
            Notice::Assigned(partition) => self.worker.assigned(&[partition]),
            Notice::Revoked(partition) => {
                self.fetching.remove(&partition);
                self.worker.revoked(&[partition]);
            }
        }
    }

    fn collect(&mut self) {
        while let Some(effect) = self.worker.effect() {
            match effect {
                Effect::Fetch { partition, generation, offset } => {
                    self.fetching.insert(partition, (generation, offset));
                }
                Effect::Unfetch { partition } => {
                    self.fetching.remove(&partition);
                }
                Effect::Release { attempt } => drop(self.transactions.remove(&attempt)),
                Effect::Mirror { .. } | Effect::Stop(_) => {}
                request => self.requests.push(request),
            }
        }
    }

    fn execute(&mut self, dice: &mut Rng, around: &mut Around<'_>) -> Result<(), String> {
        let Some(request) = dice.draw(&mut self.requests) else { return Ok(()) };
        let answer = match request {
            Effect::ReadPosition { partition, generation } => {
                let stored = position(around.store, &partition)?;
                let log = &around.logs[partition.number as usize];
                let range = LogRange { start: log[0].offset, end: log[log.len() - 1].offset + 1 };
                Answer::Position(partition, generation, stored, range)
            }
            Effect::Settle { partition, generation, mutations } => {
                around.store.commit(&Request { mutations, locks: None });
                Answer::Settled(partition, generation)
            }
            Effect::ReadStates { attempt, lock: true, .. } if around.faults && dice.percent(5) => {
                Answer::Unread(attempt)
            }
            Effect::ReadStates { attempt, keys, ranges, lock, .. } => {
                if lock {
                    self.transactions.insert(attempt, around.store.lock(&keys, &ranges));
                }
                let mut found = around.store.states(&keys);
                found.extend(around.store.ranges(&ranges));
                Answer::States(attempt, found)
            }
            Effect::Commit(commit) => {
                let locks = self.transactions.remove(&commit.attempt);
                assert_eq!(locks.is_some(), commit.in_transaction, "the transaction that was begun");
                let request = Request { mutations: commit.mutations, locks };
                Answer::Outcome(commit.attempt, send(request, dice, around))
            }
            Effect::Verify { attempt, partitions } => {
                let stored = partitions.into_iter().map(|partition| {
                    position(around.store, &partition).map(|position| (partition, position))
                });
                Answer::Verified(attempt, stored.collect::<Result<_, _>>()?)
            }
            other => unreachable!("{other:?} is done at once"),
        };
        self.answers.push(answer);
        Ok(())
    }

    fn answer(&mut self, dice: &mut Rng, around: &Around<'_>) {
        let now = around.now;
        match dice.draw(&mut self.answers) {
            Some(Answer::Position(partition, generation, stored, log)) => {
                self.worker.position(&partition, generation, stored, log);
            }
            Some(Answer::Settled(partition, generation)) => self.worker.settled(&partition, generation),
            Some(Answer::States(attempt, states)) => self.worker.states(attempt, states, now),
            Some(Answer::Unread(attempt)) => self.worker.unread(attempt, now),
            Some(Answer::Outcome(attempt, outcome)) => self.worker.outcome(attempt, outcome, now),
            Some(Answer::Verified(attempt, stored)) => self.worker.verified(attempt, &stored, now),
            Some(Answer::Replays(partition, generation, offsets)) => {
                let log = around.logs[partition.number as usize].iter();
                let wanted = log.filter(|entry| offsets.contains(&entry.offset));
                let records = wanted.map(|entry| entry.mended().record(partition.number)).collect();
                self.worker.replays(&partition, generation, records, now);
                self.replays.remove(&partition);
            }
            None => {}
        }
    }

    fn fetch(&mut self, dice: &mut Rng, around: &Around<'_>) {
        if self.fetching.is_empty() || !self.worker.has_room() {
            return;
        }
        let any = dice.below(self.fetching.len());
        let Some((partition, (generation, next))) = self.fetching.iter_mut().nth(any) else { return };
        if dice.percent(25)
            && self.worker.takes_replays(partition, *generation)
            && self.replays.insert(partition.clone())
        {
            let requests = around.store.requests(partition);
            self.answers.push(Answer::Replays(partition.clone(), *generation, requests));
            return;
        }
        if dice.percent(3) && around.faults {
            self.worker.interrupted(&partition.clone(), *generation);
            return;
        }
        let log = &around.logs[partition.number as usize];
        let entries = log.iter().filter(|entry| entry.offset >= *next).take(1 + dice.below(8));
        let records: Vec<_> = entries.map(|entry| entry.record(partition.number)).collect();
        if let Some(last) = records.last() {
            *next = last.offset + 1;
        }
        self.worker.records(&partition.clone(), *generation, records, around.now);
    }
}

fn send(request: Request, dice: &mut Rng, around: &mut Around<'_>) -> Outcome {
    let chance = if around.faults { dice.below(100) } else { 99 };
    match chance {
        0..5 => Outcome::Aborted,
        5..10 => Outcome::InDoubt,
        10..15 => {
            around.store.commit(&request);
            Outcome::InDoubt
        }
        15..20 => {
            around.late.push(request);
            Outcome::InDoubt
        }
        20..25 => {
            let outcome = around.store.commit(&request);
            // A transaction commits once; a single-use commit may be executed again.
            if request.locks.is_none() {
                around.late.push(request);
            }
            outcome
        }
        // Resent by the client: the answer is that to the second time.
        25..30 if request.locks.is_none() => {
            around.store.commit(&request);
            around.store.commit(&request)
        }
        _ => around.store.commit(&request),
    }
}

fn position(store: &Store, partition: &Partition) -> Result<Option<Position>, String> {
    match store.stored(partition)[..] {
        [] => Ok(None),
        [position] => Ok(Some(position)),
        ref many => Err(format!("the number of positions of {partition} differs from one: {many:?}")),
    }
}
