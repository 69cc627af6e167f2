//! The whole system, and its steps.

use super::log::Log;
use super::process::{Fetch, NEW_PROCESS, Process, Sender, Waiting};
use super::spanner::Spanner;
use super::workers::{CommitId, Effect, Input, NEW_WORKER, Stop};
use super::{Answer, Bounds, Flaw, Ingest, LogRecord, Notice, Replacement};

/// A state of the system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    log: Log,
    /// The offset before which records of the first log have expired.
    expired: i64,
    spanner: Spanner,
    processes: [Process; 2],
    /// The commit requests that have not arrived, in a fixed order.
    network: Vec<Request>,
    faults_left: Bounds,
}

/// A commit request in the network, with the process that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    commit: CommitId,
    sender: Option<(usize, Sender)>,
}

/// A step of the system. Processes and requests are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The consumer group assigns the partition.
    Assign {
        /// The process.
        process: usize,
    },
    /// A process crashes, and a new one starts.
    Crash {
        /// The process.
        process: usize,
    },
    /// A worker reads the stored position, the range of the log, or receives the answer to a commit.
    Continue {
        /// The process.
        process: usize,
        /// The request that the worker waits for.
        waiting: Waiting,
    },
    /// A worker gives up waiting for a commit.
    Doubt {
        /// The process.
        process: usize,
        /// The request that the worker waits for.
        waiting: Waiting,
    },
    /// A commit request arrives at Spanner.
    Deliver {
        /// The request in the network.
        request: Request,
    },
    /// Spanner aborts a commit.
    Abort {
        /// The request in the network.
        request: Request,
    },
    /// The client library sends a commit again. The first request is still in the network.
    Duplicate {
        /// The request in the network.
        request: Request,
    },
    /// A consumer receives the next record, the end of the log, or an error because the offset is not in the log.
    Fetch {
        /// The process.
        process: usize,
    },
    /// Retention removes the first offset.
    Expire,
    /// The topic is deleted and created again.
    Replace,
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            log: Log { number: 0, start: 0, end: bounds.offsets },
            expired: 0,
            spanner: Spanner::default(),
            processes: [NEW_PROCESS, NEW_PROCESS],
            network: Vec::new(),
            faults_left: bounds,
        }
    }

    /// Adds the steps that may follow.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        let left = &self.faults_left;
        for (process, it) in self.processes.iter().enumerate() {
            if it.worker == NEW_WORKER {
                steps.push(Step::Assign { process });
                continue;
            }
            if left.crashes > 0 {
                steps.push(Step::Crash { process });
            }
            for &waiting in &it.waiting {
                if !matches!(waiting, Waiting::Answer { answer: None, .. }) {
                    steps.push(Step::Continue { process, waiting });
                }
                if left.doubts > 0 && matches!(waiting, Waiting::Answer { .. }) {
                    steps.push(Step::Doubt { process, waiting });
                }
            }
            if it.fetch.is_some_and(|fetch| self.has_fetch_result(fetch)) {
                steps.push(Step::Fetch { process });
            }
        }
        for (at, &request) in self.network.iter().enumerate() {
            if self.network[..at].contains(&request) {
                continue;
            }
            steps.push(Step::Deliver { request });
            if left.aborts > 0 && request.sender.is_some() {
                steps.push(Step::Abort { request });
            }
            if left.duplicates > 0 && request.sender.is_some() {
                steps.push(Step::Duplicate { request });
            }
        }
        if left.expiries > 0 && self.log.start < self.log.end {
            steps.push(Step::Expire);
        }
        let may_follow = |new: Replacement| self.applied().len() >= new.min_applied;
        if left.replacement.is_some_and(may_follow) {
            steps.push(Step::Replace);
        }
    }

    /// Returns the state after a step.
    pub(super) fn after(&self, step: Step, model: &Ingest) -> Self {
        let mut next = self.clone();
        match step {
            Step::Assign { process } => next.input(process, Input::Assign, model),
            Step::Crash { process } => {
                next.faults_left.crashes -= 1;
                next.processes[process] = NEW_PROCESS;
                next.forget_senders(|sender| sender.0 == process);
            }
            Step::Continue { process, waiting } => next.proceed(process, waiting, model),
            Step::Doubt { process, waiting } => next.doubt(process, waiting, model),
            Step::Deliver { request } => {
                take(&mut next.network, request);
                let answer = next.spanner.commit(&model.workers.commit(request.commit), model.flaw);
                next.answer(request.sender, answer);
            }
            Step::Abort { request } => {
                next.faults_left.aborts -= 1;
                take(&mut next.network, request);
                next.answer(request.sender, Answer::Aborted);
            }
            Step::Duplicate { request } => {
                next.faults_left.duplicates -= 1;
                next.network.push(Request { sender: None, ..request });
                next.network.sort_unstable();
            }
            Step::Fetch { process } => next.fetch(process, model),
            Step::Expire => {
                next.faults_left.expiries -= 1;
                next.log.start += 1;
                next.expired = if next.log.number == 0 { next.log.start } else { next.expired };
            }
            Step::Replace => {
                if let Some(replacement) = next.faults_left.replacement.take() {
                    next.faults_left.expiries = 0;
                    next.log = Log { number: 1, start: 0, end: replacement.offsets };
                }
            }
        }
        next
    }

    fn input(&mut self, process: usize, input: Input, model: &Ingest) {
        let it = &mut self.processes[process];
        let (worker, effects) = model.workers.step(it.worker, input);
        it.worker = worker;
        for effect in effects {
            match effect {
                Effect::ReadPosition { generation } => {
                    it.fetch = None;
                    it.waiting.push(Waiting::Position { generation });
                }
                Effect::ReadDigest { generation, offset } => {
                    it.waiting.push(Waiting::Digest { generation, offset });
                }
                Effect::Verify { attempt } => it.waiting.push(Waiting::Verification { attempt }),
                Effect::CommitPosition { generation, commit } => {
                    let sender = Sender::Position { generation };
                    it.waiting.push(Waiting::Answer { sender, answer: None });
                    self.network.push(Request { commit, sender: Some((process, sender)) });
                }
                Effect::Commit { attempt, commit } => {
                    let sender = Sender::Batch { attempt };
                    it.waiting.push(Waiting::Answer { sender, answer: None });
                    self.network.push(Request { commit, sender: Some((process, sender)) });
                }
                Effect::Fetch { generation, offset: next } => {
                    let log = (model.bounds.notice() == Notice::SinceComparison).then_some(self.log.number);
                    it.fetch = Some(Fetch { generation, next, log });
                }
                Effect::StopFetch => it.fetch = None,
                Effect::Stop(stop) => it.stopped = Some(stop),
            }
        }
        it.waiting.sort_unstable();
        self.network.sort_unstable();
    }

    /// Gives a worker what it waits for.
    fn proceed(&mut self, process: usize, waiting: Waiting, model: &Ingest) {
        take(&mut self.processes[process].waiting, waiting);
        let input = match waiting {
            Waiting::Position { generation } => {
                let stored = self.spanner.rows();
                let it = &mut self.processes[process];
                it.waiting.push(Waiting::LogRange { generation, stored });
                it.waiting.sort_unstable();
                return;
            }
            Waiting::LogRange { generation, stored } => {
                Input::Position { generation, stored, start: self.log.start, end: self.log.end }
            }
            Waiting::Digest { generation, offset } => {
                let found = self.log.record(offset).filter(|_| offset >= self.log.start);
                Input::Digest { generation, offset, found }
            }
            Waiting::Verification { attempt } => Input::Verified { attempt, stored: self.spanner.position() },
            Waiting::Answer { sender, answer } => match sender {
                Sender::Position { generation } => Input::PositionCommitEnded { generation },
                Sender::Batch { attempt } => {
                    Input::Outcome { attempt, answer: answer.unwrap_or(Answer::InDoubt) }
                }
            },
        };
        self.input(process, input, model);
    }

    fn doubt(&mut self, process: usize, waiting: Waiting, model: &Ingest) {
        self.faults_left.doubts -= 1;
        let Waiting::Answer { sender, .. } = waiting else { return };
        let answer = if model.flaw == Flaw::DoubtIsSuccess { Answer::Committed } else { Answer::InDoubt };
        let it = &mut self.processes[process];
        take(&mut it.waiting, waiting);
        let answered = Waiting::Answer { sender, answer: Some(answer) };
        it.waiting.push(answered);
        self.forget_senders(|it| it == (process, sender));
        self.proceed(process, answered, model);
    }

    /// Notes the answer for the process that still waits for it.
    fn answer(&mut self, sender: Option<(usize, Sender)>, answer: Answer) {
        let Some((process, sender)) = sender else { return };
        let it = &mut self.processes[process];
        let expected = Waiting::Answer { sender, answer: None };
        if let Some(at) = it.waiting.iter().position(|waiting| *waiting == expected) {
            it.waiting[at] = Waiting::Answer { sender, answer: Some(answer) };
            it.waiting.sort_unstable();
        }
    }

    /// Returns whether a fetch receives a record, the end of the log, or an error.
    fn has_fetch_result(&self, fetch: Fetch) -> bool {
        fetch.next != self.log.end || fetch.log.is_some_and(|log| log != self.log.number)
    }

    fn fetch(&mut self, process: usize, model: &Ingest) {
        let Some(fetch) = self.processes[process].fetch else { return };
        let Fetch { generation, next, log: known } = fetch;
        let log = self.log;
        let is_other = known.is_some_and(|known| known != log.number);
        let known = (model.bounds.notice() != Notice::Never).then_some(log.number);
        let input = if is_other || !log.contains(next) {
            self.processes[process].fetch = None;
            Input::OutOfRange { generation }
        } else if let Some(record) = log.record(next) {
            self.processes[process].fetch = Some(Fetch { next: next + 1, log: known, ..fetch });
            Input::Record { generation, record }
        } else {
            self.processes[process].fetch = Some(Fetch { next: log.end, log: known, ..fetch });
            Input::EndReached { generation, end: log.end }
        };
        self.input(process, input, model);
    }

    fn forget_senders(&mut self, is_gone: impl Fn((usize, Sender)) -> bool) {
        for request in &mut self.network {
            request.sender = request.sender.filter(|sender| !is_gone(*sender));
        }
        self.network.sort_unstable();
    }

    pub(super) fn applied(&self) -> &[LogRecord] {
        &self.spanner.applied
    }

    pub(super) fn position_rows(&self) -> usize {
        self.spanner.position_rows()
    }

    /// The offset before which the records of a log have expired.
    pub(super) fn expired(&self, log: u8) -> i64 {
        if log == 0 { self.expired } else { 0 }
    }

    /// Returns whether all workers have stopped because the log was replaced.
    pub(super) fn has_stopped(&self) -> bool {
        let is_replaced = |stop| matches!(stop, Some(Stop::LogReplaced | Stop::LogInDoubt));
        self.log.number > 0 && self.processes.iter().all(|process| is_replaced(process.stopped))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.spanner.position().is_some_and(|position| position.next == self.log.end)
    }

    /// The records of the current log.
    pub(super) fn records(&self) -> impl Iterator<Item = LogRecord> {
        (self.log.start..self.log.end).filter_map(|offset| self.log.record(offset))
    }
}

fn take<T: PartialEq>(items: &mut Vec<T>, item: T) {
    if let Some(at) = items.iter().position(|it| *it == item) {
        items.remove(at);
    }
}
