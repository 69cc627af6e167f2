//! One run: processes, a consumer group that moves partitions between them, a fake Spanner, and the check.

use std::sync::Arc;
use std::time::Duration;

use super::expected_rows::{self, ALL, ExpectedRows, WindowRows};
use super::fake_spanner::{CommitRequest, CommittedStep, FakeSpanner};
use super::kafka_log::{PARTITIONS, PartitionLog};
use super::process::{GroupEvent, Process, ProcessEnvironment};
use super::record_payload::RecordPayload;
use crate::ingest::{Offset, OnGap, Partition, TABLE_DEAD_LETTERS};
use crate::sim::rng::Rng;
use crate::sim::tally;
use crate::value::Value;

/// The maximum number of steps without faults until everything is applied.
const MAX_CALM_STEPS: usize = 60_000;

struct IngestSimulation {
    rng: Rng,
    spanner: FakeSpanner,
    logs: Vec<PartitionLog>,
    processes: Vec<Process>,
    /// The process to which the group has assigned each partition.
    owners: Vec<Option<usize>>,
    late: Vec<CommitRequest>,
    /// True if logs lose their ends and are replaced.
    changes_logs: bool,
    /// The number of committed steps that the logs know.
    noted_steps: usize,
    now: Duration,
}

pub(in crate::sim) fn run(mut rng: Rng) -> Result<(), String> {
    let logs = (0..PARTITIONS).map(|partition| PartitionLog::generate(&mut rng, partition)).collect();
    let on_gap = if rng.percent(50) { OnGap::Skip } else { OnGap::Stop };
    // In the other half, each run is long enough for the faults that need one log.
    let changes_logs = rng.percent(50);
    let processes = (0..3).map(|_| Process::new(on_gap)).collect();
    let mut world = IngestSimulation {
        rng,
        spanner: FakeSpanner::default(),
        logs,
        processes,
        owners: vec![None; PARTITIONS as usize],
        late: Vec::new(),
        changes_logs,
        noted_steps: 0,
        now: Duration::ZERO,
    };
    for _ in 0..world.rng.faulty_steps() {
        world.disturb();
        world.note_steps()?;
        let any = world.rng.below(world.processes.len());
        world.step(any, true)?;
    }
    world.calm()?;
    world.check()
}

impl IngestSimulation {
    fn disturb(&mut self) {
        self.now += Duration::from_millis(self.rng.below(10) as u64);
        match self.rng.below(200) {
            0..6 => {
                let partition = self.rng.below(PARTITIONS as usize);
                let to = self.rng.below(self.processes.len());
                tally::note("partition moves", || format!("{} to process {to}", name(partition)));
                self.rebalance(partition, to);
            }
            6..8 => {
                let any = self.rng.below(self.processes.len());
                tally::note("process crashes", || format!("process {any}"));
                self.processes[any].crash(&mut self.late);
                for owner in self.owners.iter_mut().filter(|owner| **owner == Some(any)) {
                    *owner = None;
                }
            }
            8..20 => self.execute_late(),
            20..44 => self.spanner.request_replay(&mut self.rng),
            44 => self.spanner.purge_dead_letter(&mut self.rng),
            45..61 => {
                let any = self.rng.below(self.logs.len());
                self.logs[any].grow(&mut self.rng);
            }
            61..64 => self.expire(),
            64 if self.changes_logs => {
                self.change_log(|log, rng, _| log.recreate(rng), "topic is created again")
            }
            65 if self.changes_logs => self.truncate(),
            66..70 => self.set_positions(),
            _ => {}
        }
    }

    /// Deletes applied records of any partition, and the control records among them.
    fn expire(&mut self) {
        let at = self.rng.below(self.logs.len());
        if let [position] = self.spanner.stored_offsets(&name(at))[..] {
            self.logs[at].expire(&mut self.rng, position);
        }
    }

    /// Loses the end of a log, up to any record that was applied.
    fn truncate(&mut self) {
        self.change_log(|log, rng, last_applied| log.truncate(rng, last_applied), "log is truncated");
    }

    /// Changes the log of any partition of which a record was applied. No process is looking for its position
    /// meanwhile: a change between the comparison of the log and the first fetch cannot be noticed.
    fn change_log(&mut self, change: fn(&mut PartitionLog, &mut Rng, Offset), kind: &'static str) {
        let at = self.rng.below(self.logs.len());
        let [position] = self.spanner.stored_positions(&name(at))[..] else { return };
        let is_locating = self.processes.iter().any(|process| process.is_locating(&name(at)));
        if let Some(last) = position.last_record.filter(|_| !is_locating) {
            let before = self.logs[at].range();
            change(&mut self.logs[at], &mut self.rng, last.offset);
            tally::note(kind, || format!("{}: {before:?} to {:?}", name(at), self.logs[at].range()));
        }
    }

    /// Sets the positions of stopped partitions to the first record that was not applied, as an operator who
    /// knows the log does.
    fn set_positions(&mut self) {
        for at in 0..self.logs.len() {
            let partition = name(at);
            let Some(owner) = self.owners[at] else { continue };
            if self.processes[owner].stopped_at(&partition).is_none() {
                continue;
            }
            let log = &self.logs[at];
            let to = log.first_unapplied().unwrap_or(log.range().end).min(log.range().end);
            let start = Some(to).filter(|to| *to == log.range().start);
            tally::note("operator sets a position", || format!("{partition} to {to}"));
            self.spanner.set_position(&partition, to, start);
            self.processes[owner].restart_stopped(&partition);
        }
    }

    /// Tells the logs which of their records have been applied.
    ///
    /// # Errors
    /// If a record has been applied twice.
    fn note_steps(&mut self) -> Result<(), String> {
        for step in &self.spanner.steps[self.noted_steps..] {
            match *step {
                CommittedStep::Move { partition, from, to, last } => {
                    self.logs[partition].apply(from, to, last)?;
                }
                CommittedStep::Skip { partition, to, .. } => self.logs[partition].skip_to(to),
                CommittedStep::Replay { .. } | CommittedStep::Purge { .. } => {}
            }
        }
        self.noted_steps = self.spanner.steps.len();
        Ok(())
    }

    /// Assigns a partition to a process. Both processes learn of it later; until then the old owner is a
    /// zombie.
    fn rebalance(&mut self, partition: usize, to: usize) {
        let from = self.owners[partition].replace(to);
        if from == Some(to) {
            return;
        }
        if let Some(from) = from {
            self.processes[from].group_events.push(GroupEvent::Revoked(name(partition)));
        }
        self.processes[to].group_events.push(GroupEvent::Assigned(name(partition)));
    }

    fn execute_late(&mut self) {
        if let Some(request) = self.rng.draw(&mut self.late) {
            tally::note("late commit arrives", || format!("{} mutations", request.mutations.len()));
            self.spanner.commit(&request);
        }
    }

    fn step(&mut self, process: usize, faults: bool) -> Result<(), String> {
        let mut env = ProcessEnvironment {
            spanner: &mut self.spanner,
            logs: &self.logs,
            late: &mut self.late,
            faults,
            now: self.now,
        };
        self.processes[process].step(&mut self.rng, &mut env)?;
        self.note_steps()
    }

    /// Runs without faults until every partition has reached the end of its log.
    ///
    /// # Errors
    /// If that takes too many steps.
    fn calm(&mut self) -> Result<(), String> {
        while !self.late.is_empty() {
            self.execute_late();
            self.note_steps()?;
        }
        self.logs.iter_mut().for_each(PartitionLog::complete);
        for partition in 0..PARTITIONS as usize {
            if self.owners[partition].is_none() {
                self.rebalance(partition, partition);
            }
        }
        for _ in 0..MAX_CALM_STEPS {
            self.now += Duration::from_millis(1);
            let any = self.rng.below(self.processes.len());
            self.step(any, false)?;
            self.set_positions();
            if self.is_done() {
                return Ok(());
            }
        }
        let positions: Vec<_> = (0..PARTITIONS as usize)
            .map(|at| (self.spanner.stored_offsets(&name(at)), self.end(at)))
            .collect();
        Err(format!("the simulation does not come to rest: {positions:?}, owners {:?}", self.owners))
    }

    fn end(&self, partition: usize) -> Offset {
        self.logs[partition].range().end
    }

    fn is_done(&self) -> bool {
        let is_done = |at| {
            self.spanner.stored_offsets(&name(at)).contains(&self.end(at))
                && self.logs[at].first_unapplied().is_none()
                && self.spanner.replay_requests(&name(at)).is_empty()
        };
        (0..PARTITIONS as usize).all(is_done)
    }

    fn check(&self) -> Result<(), String> {
        for at in 0..PARTITIONS as usize {
            let positions = self.spanner.stored_offsets(&name(at));
            if positions != [self.end(at)] {
                return Err(format!("{}: the position differs from the end: {positions:?}", name(at)));
            }
        }
        self.stored().equals(&expected_rows::fold(&self.logs, &self.spanner.steps)?)
    }

    fn stored(&self) -> ExpectedRows {
        let int = |value: &Value| match value {
            Value::Int64(value) => *value,
            Value::Timestamp(at) => at.timestamp(),
            other => unreachable!("{other:?} is not INT64"),
        };
        let rows = |table| self.spanner.rows(table).map(|row| ((int(&row[0]), int(&row[1])), int(&row[2])));
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
        let ranges = |one, other| -> WindowRows {
            let rows = self.spanner.rows(one).chain(self.spanner.rows(other));
            rows.map(|row| (int(&row[0]), ranged(row)))
                .map(|(group, (partition, bound, state))| ((group, partition, bound), state))
                .collect()
        };
        let pair = |row: &Vec<Value>| (int(&row[0]), (int(&row[1]), int(&row[2])));
        let below = |row: &Vec<Value>| (int(&row[0]), int(&row[1]), int(&row[2]));
        let (children, totals) = (self.spanner.rows("Children"), self.spanner.rows("Totals"));
        let dead_letters = self.spanner.rows(TABLE_DEAD_LETTERS);
        let dead_letter = |row: &Vec<Value>| {
            let id = RecordPayload::id(&row[7]).expect("a dead letter holds its record");
            ((int(&row[2]), int(&row[3])), id)
        };
        ExpectedRows {
            rows: rows("Rows").collect(),
            inserted: rows("Inserted").collect(),
            groups: self.spanner.rows("Groups").map(group).collect(),
            sessions: ranges("Sessions", "SharedSessions"),
            slides: ranges("Slides", "SharedSlides"),
            shared: self.spanner.rows("Shared").map(pair).collect(),
            newest: self.spanner.rows("Newest").map(pair).collect(),
            parents: rows("Parents").collect(),
            children: children.map(|row| (below(row), int(&row[3]))).collect(),
            totals: totals.map(|row| (below(row), (int(&row[3]), int(&row[4])))).collect(),
            codes: rows("Codes").collect(),
            dead_letters: dead_letters.map(dead_letter).collect(),
        }
    }
}

fn name(partition: usize) -> Partition {
    Partition { topic: Arc::from("t"), number: partition as i32 }
}
