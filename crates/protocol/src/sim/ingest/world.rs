//! One run: processes, a group that moves partitions between them, a store, and the check.

use std::sync::Arc;
use std::time::Duration;

use super::super::Rng;
use super::log::{self, ALL, Fold, LogEntry, PARTITIONS, Ranges};
use super::process::{GroupNotice, Process, ProcessEnvironment};
use super::store::{CommitRequest, FakeSpanner};
use crate::ingest::{Offset, Partition, TABLE_DEAD_LETTERS};
use crate::value::Value;

const FAULTY_STEPS: usize = 3000;
/// Steps in which an undisturbed world must come to rest.
const CALM_STEPS: usize = 60_000;

struct IngestWorld {
    rng: Rng,
    store: FakeSpanner,
    logs: Vec<Vec<LogEntry>>,
    processes: Vec<Process>,
    /// The process that the group thinks owns a partition.
    owners: Vec<Option<usize>>,
    late: Vec<CommitRequest>,
    now: Duration,
}

pub(super) fn run(mut rng: Rng) -> Result<(), String> {
    let logs = (0..PARTITIONS).map(|partition| log::generate(&mut rng, partition)).collect();
    let processes = (0..3).map(|_| Process::new()).collect();
    let mut world = IngestWorld {
        rng,
        store: FakeSpanner::default(),
        logs,
        processes,
        owners: vec![None; PARTITIONS as usize],
        late: Vec::new(),
        now: Duration::ZERO,
    };
    for _ in 0..FAULTY_STEPS {
        world.disturb();
        let any = world.rng.below(world.processes.len());
        world.step(any, true)?;
    }
    world.calm()?;
    world.check()
}

impl IngestWorld {
    fn disturb(&mut self) {
        self.now += Duration::from_millis(self.rng.below(10) as u64);
        match self.rng.below(200) {
            0..6 => {
                let partition = self.rng.below(PARTITIONS as usize);
                let to = self.rng.below(self.processes.len());
                self.rebalance(partition, to);
            }
            6..8 => {
                let any = self.rng.below(self.processes.len());
                self.processes[any].crash(&mut self.late);
                for owner in self.owners.iter_mut().filter(|owner| **owner == Some(any)) {
                    *owner = None;
                }
            }
            8..20 => self.execute_late(),
            20..44 => self.store.request(&mut self.rng),
            44 => self.store.purge(&mut self.rng),
            _ => {}
        }
    }

    /// Neither hears of it at once: until then the old owner is a zombie.
    fn rebalance(&mut self, partition: usize, to: usize) {
        let from = self.owners[partition].replace(to);
        if from == Some(to) {
            return;
        }
        if let Some(from) = from {
            self.processes[from].notices.push(GroupNotice::Revoked(name(partition)));
        }
        self.processes[to].notices.push(GroupNotice::Assigned(name(partition)));
    }

    fn execute_late(&mut self) {
        if let Some(request) = self.rng.draw(&mut self.late) {
            self.store.commit(&request);
        }
    }

    fn step(&mut self, process: usize, faults: bool) -> Result<(), String> {
        let mut env = ProcessEnvironment {
            store: &mut self.store,
            logs: &self.logs,
            late: &mut self.late,
            faults,
            now: self.now,
        };
        self.processes[process].step(&mut self.rng, &mut env)
    }

    /// No more faults; every partition gets an owner, and all must reach their ends.
    fn calm(&mut self) -> Result<(), String> {
        while !self.late.is_empty() {
            self.execute_late();
        }
        for partition in 0..PARTITIONS as usize {
            if self.owners[partition].is_none() {
                self.rebalance(partition, partition);
            }
        }
        for _ in 0..CALM_STEPS {
            self.now += Duration::from_millis(1);
            let any = self.rng.below(self.processes.len());
            self.step(any, false)?;
            if self.is_done() {
                return Ok(());
            }
        }
        let positions: Vec<_> =
            (0..PARTITIONS as usize).map(|at| (self.store.positions(&name(at)), self.end(at))).collect();
        Err(format!("the world does not come to rest: {positions:?}, owners {:?}", self.owners))
    }

    fn end(&self, partition: usize) -> Offset {
        self.logs[partition].last().map_or(0, |entry| entry.offset + 1)
    }

    fn is_done(&self) -> bool {
        let is_done = |at| {
            self.store.positions(&name(at)).contains(&self.end(at))
                && self.store.requests(&name(at)).is_empty()
        };
        (0..PARTITIONS as usize).all(is_done)
    }

    fn check(&self) -> Result<(), String> {
        for at in 0..PARTITIONS as usize {
            let positions = self.store.positions(&name(at));
            if positions != [self.end(at)] {
                return Err(format!("{}: the position differs: {positions:?}", name(at)));
            }
        }
        self.stored().equals(&log::fold(&self.logs, &self.store.steps)?)
    }

    fn stored(&self) -> Fold {
        let int = |value: &Value| match value {
            Value::Int64(value) => *value,
            Value::Timestamp(at) => at.timestamp(),
            other => unreachable!("{other:?} is not INT64"),
        };
        let rows = |table| self.store.rows(table).map(|row| ((int(&row[0]), int(&row[1])), int(&row[2])));
        let group = |row: &Vec<Value>| {
            let key = (int(&row[0]), int(&row[1]), int(&row[2]));
            (key, (int(&row[3]), int(&row[4]), int(&row[5])))
        };
        let millis = |value: &Value| match value {
            Value::Timestamp(at) => at.timestamp_millis(),
            other => unreachable!("{other:?} is not TIMESTAMP"),
        };
        let ranged = |row: &Vec<Value>| {
            let (partition, row) = if row.len() == 6 { (int(&row[1]), &row[2..]) } else { (ALL, &row[1..]) };
            (partition, millis(&row[0]), (millis(&row[1]), int(&row[2]), int(&row[3])))
        };
        let ranges = |one, other| -> Ranges {
            let rows = self.store.rows(one).chain(self.store.rows(other));
            rows.map(|row| (int(&row[0]), ranged(row)))
                .map(|(group, (partition, bound, state))| ((group, partition, bound), state))
                .collect()
        };
        let pair = |row: &Vec<Value>| (int(&row[0]), (int(&row[1]), int(&row[2])));
        let letters = self.store.rows(TABLE_DEAD_LETTERS);
        Fold {
            rows: rows("Rows").collect(),
            inserted: rows("Inserted").collect(),
            groups: self.store.rows("Groups").map(group).collect(),
            sessions: ranges("Sessions", "SharedSessions"),
            slides: ranges("Slides", "SharedSlides"),
            shared: self.store.rows("Shared").map(pair).collect(),
            newest: self.store.rows("Newest").map(pair).collect(),
            letters: letters.map(|row| (int(&row[2]), int(&row[3]))).collect(),
        }
    }
}

fn name(partition: usize) -> Partition {
    Partition { topic: Arc::from("t"), number: partition as i32 }
}
