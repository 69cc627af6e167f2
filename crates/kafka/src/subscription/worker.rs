use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::context::{Consumer, Rebalance};
use super::event::{Done, Event};
use super::fetch::{Fetch, Pull};
use super::rebalance::{Outcome, Revocation};
use super::{Command, Limits, Shared, Start};
use crate::error::{Error, ErrorKind, Result, kind_of};
use crate::record::TopicPartition;

/// Places in the events' queue that records may not take.
pub(crate) const CONTROL_SLOTS: usize = 16;
/// The longest sleep: a lost wake-up costs no more than this.
const PARK: Duration = Duration::from_millis(100);
/// Events of the group served in one round.
const GROUP_EVENTS: usize = 16;
/// The least time between two mirror commits.
const MIRROR_INTERVAL: Duration = Duration::from_millis(250);

/// The thread that owns the consumer.
pub(crate) struct Worker {
    consumer: Arc<Consumer>,
    shared: Arc<Shared>,
    commands: std_mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    limits: Limits,
    owned: BTreeSet<TopicPartition>,
    fetches: BTreeMap<TopicPartition, Fetch>,
    generation: u64,
    /// Events that found the queue full. Grows by rebalances and failed partitions only, never by records.
    outbox: VecDeque<Event>,
    revocation: Option<Revocation>,
    /// Fetches that start when the revocation is over: librdkafka would take the unassignment they need for its answer.
    waiting: BTreeMap<TopicPartition, (Start, u64)>,
    mirrored_at: Option<Instant>,
    /// Which partition has the first go, for fairness.
    turn: usize,
    stalled: bool,
}

impl Worker {
    pub(crate) fn new(
        consumer: Consumer,
        shared: Arc<Shared>,
        commands: std_mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        limits: Limits,
    ) -> Self {
        Worker {
            consumer: Arc::new(consumer),
            shared,
            commands,
            events,
            limits,
            owned: BTreeSet::new(),
            fetches: BTreeMap::new(),
            generation: 0,
            outbox: VecDeque::new(),
            revocation: None,
            waiting: BTreeMap::new(),
            mirrored_at: None,
            turn: 0,
            stalled: false,
        }
    }

    pub(crate) fn run(mut self) {
        self.shared.waker.attach();
        while !self.shared.closing.load(Ordering::Acquire) {
            let mut busy = self.serve_commands();
            busy |= self.serve_group();
            self.serve_revocation();
            self.mirror(false);
            self.flush_outbox();
            busy |= self.pull_records();
            if !busy {
                thread::park_timeout(PARK);
            }
        }
        self.close();
    }

    fn close(mut self) {
        self.mirror(true);
        let owed = self.revocation.take().is_some();
        self.fetches.clear();
        if owed {
            log_failure(
                "answer a revocation",
                self.consumer.incremental_unassign(&TopicPartitionList::new()),
            );
        }
        // The last reference: its drop leaves the group (rdkafka polls until librdkafka says "closed").
        drop(self.consumer);
        tracing::debug!("left the consumer group");
    }

    fn serve_commands(&mut self) -> bool {
        let mut busy = false;
        while let Ok(command) = self.commands.try_recv() {
            busy = true;
            match command {
                Command::Fetch { tp, start, answer } => {
                    let result = self.fetch(&tp, start);
                    // A caller that has gone will come again.
                    let _ = answer.send(result);
                }
                Command::Stop { tp, answer } => {
                    self.stop(&tp);
                    let _ = answer.send(());
                }
            }
        }
        busy
    }

    /// Never waits for a revocation: the caller may have to answer this call before it can answer that.
    fn fetch(&mut self, tp: &TopicPartition, start: Start) -> Result<u64> {
        let leaving = self.revocation.as_ref().is_some_and(|r| r.partitions.contains(tp));
        if leaving || !self.owned.contains(tp) {
            let what = format!("fetch {tp}: the group does not assign it to this member (any more)");
            return Err(Error::new(ErrorKind::Revoked, what));
        }
        self.stop(tp);
        self.generation += 1;
        if self.revocation.is_some() {
            self.waiting.insert(tp.clone(), (start, self.generation));
        } else {
            self.begin(tp, start, self.generation)?;
        }
        Ok(self.generation)
    }

    fn begin(&mut self, tp: &TopicPartition, start: Start, generation: u64) -> Result<()> {
        let fetch = Fetch::start(&self.consumer, &self.shared, tp, start, generation)?;
        tracing::debug!(%tp, ?start, generation, "fetching");
        self.fetches.insert(tp.clone(), fetch);
        Ok(())
    }

    fn stop(&mut self, tp: &TopicPartition) {
        self.waiting.remove(tp);
        if self.revocation.is_some() {
            if let Some(fetch) = self.fetches.get_mut(tp) {
                fetch.halt();
            }
        } else if let Some(fetch) = self.fetches.remove(tp) {
            log_failure("stop a fetch", fetch.stop(&self.consumer));
        }
    }

    /// Serves rebalances, commit results and errors. Polling this queue is also what `max.poll.interval.ms` looks at.
    fn serve_group(&mut self) -> bool {
        let mut busy = false;
        for _ in 0..GROUP_EVENTS {
            let polled = self.consumer.poll(Duration::ZERO).map(|r| r.map(|m| (m.partition(), m.offset())));
            match polled {
                None => {}
                Some(Ok((partition, offset))) => {
                    // Its partition was split off before it was assigned, so this is out of date.
                    tracing::debug!(partition, offset, "record outside of its partition's queue dropped");
                }
                Some(Err(error)) => self.report(error),
            }
            while let Some(rebalance) = self.consumer.context().next_rebalance() {
                busy = true;
                self.rebalance(rebalance);
            }
        }
        busy
    }

    fn report(&mut self, error: KafkaError) {
        match kind_of(&error) {
            ErrorKind::Unavailable | ErrorKind::Bug => {
                self.shared.counters.transient_errors.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%error, "Kafka consumer; librdkafka goes on by itself");
            }
            _ => {
                let error = Error::from_kafka("consumer group member", error);
                self.emit(Event::Error { tp: None, generation: None, error });
            }
        }
    }

    fn rebalance(&mut self, rebalance: Rebalance) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                // An empty list completes the rebalance without fetching anything: what the group has assigned
                // (rkcg_group_assignment) and what is fetched (assignment.all) are separate things in librdkafka.
                log_failure(
                    "accept an assignment",
                    self.consumer.incremental_assign(&TopicPartitionList::new()),
                );
                self.owned.extend(partitions.iter().cloned());
                tracing::info!(partitions = %names(&partitions), "assigned");
                if !partitions.is_empty() {
                    self.emit(Event::Assigned(partitions));
                }
            }
            Rebalance::Revoke { partitions, lost: true } => {
                tracing::warn!(partitions = %names(&partitions), "assignment lost");
                self.give_up(&partitions);
                self.emit(Event::Lost(partitions));
            }
            Rebalance::Revoke { partitions, lost: false } => {
                tracing::info!(partitions = %names(&partitions), "revoked");
                let (done, answered) = Done::new(self.shared.clone());
                let deadline = Instant::now() + self.limits.revoke_wait;
                self.revocation = Some(Revocation::new(partitions.clone(), answered, deadline));
                self.emit(Event::Revoked { partitions, done });
            }
        }
    }

    fn serve_revocation(&mut self) {
        let Some(revocation) = &mut self.revocation else { return };
        match revocation.look(Instant::now()) {
            Outcome::Waiting => return,
            Outcome::Done => {}
            Outcome::Late => {
                self.shared.counters.late_revocations.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(limit = ?self.limits.revoke_wait, "revoked partitions given back unfinished");
            }
        }
        let partitions = self.revocation.take().map(|r| r.partitions).unwrap_or_default();
        self.mirror(true);
        self.give_up(&partitions);
        let halted: Vec<_> =
            self.fetches.iter().filter(|(_, f)| f.is_halted()).map(|(tp, _)| tp.clone()).collect();
        for tp in halted {
            // What `stop` could only halt. A failed fetch has no more use for its place either.
            if let Some(fetch) = self.fetches.remove(&tp) {
                log_failure("stop a fetch", fetch.stop(&self.consumer));
            }
        }
        for (tp, (start, generation)) in std::mem::take(&mut self.waiting) {
            if let Err(error) = self.begin(&tp, start, generation) {
                self.emit(Event::Error { tp: Some(tp), generation: Some(generation), error });
            }
        }
    }

    /// Unassigns what is fetched of `partitions`, which answers librdkafka's revocation even when that is nothing.
    fn give_up(&mut self, partitions: &[TopicPartition]) {
        let mut list = TopicPartitionList::new();
        for tp in partitions {
            self.owned.remove(tp);
            self.waiting.remove(tp);
            self.shared.mirror().remove(tp);
            if self.fetches.remove(tp).is_some() {
                list.add_partition(&tp.topic, tp.partition);
            }
        }
        log_failure("give partitions back", self.consumer.incremental_unassign(&list));
    }

    fn mirror(&mut self, now: bool) {
        if !now && self.mirrored_at.is_some_and(|at| at.elapsed() < MIRROR_INTERVAL) {
            return;
        }
        let positions = std::mem::take(&mut *self.shared.mirror());
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (tp, next) in positions {
            if self.owned.contains(&tp) && next >= 0 {
                log_failure(
                    "mirror",
                    list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(next)),
                );
            }
        }
        if list.count() > 0 {
            self.mirrored_at = Some(Instant::now());
            if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
                self.shared.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%error, "mirror commit to the consumer group was not sent");
            }
        }
    }

    fn emit(&mut self, event: Event) {
        self.outbox.push_back(event);
        self.flush_outbox();
    }

    fn flush_outbox(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return;
                }
                // Nobody listens: a dropped `Revoked` answers itself.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
    }

    fn room(&mut self) -> bool {
        let room = self.outbox.is_empty() && self.events.capacity() > CONTROL_SLOTS;
        if !room && !self.stalled {
            self.shared.counters.stalls.fetch_add(1, Ordering::Relaxed);
        }
        self.stalled = !room;
        room
    }

    /// Takes at most one chunk of each partition. Does nothing while a revocation waits.
    fn pull_records(&mut self) -> bool {
        if self.revocation.is_some() || self.fetches.is_empty() {
            return false;
        }
        let mut order: Vec<TopicPartition> = self.fetches.keys().cloned().collect();
        self.turn = (self.turn + 1) % order.len();
        order.rotate_left(self.turn);
        let mut busy = false;
        for tp in order {
            if !self.room() {
                return busy;
            }
            let Some(fetch) = self.fetches.get_mut(&tp) else { continue };
            let generation = fetch.generation;
            match fetch.pull(&self.limits) {
                Pull::Nothing => {}
                Pull::Records(records) => {
                    busy = true;
                    self.emit_records(tp, generation, records);
                }
                Pull::Failed(records, error) => {
                    busy = true;
                    tracing::warn!(%tp, generation, %error, "fetch failed");
                    if !records.is_empty() {
                        self.emit_records(tp.clone(), generation, records);
                    }
                    self.emit(Event::Error { tp: Some(tp), generation: Some(generation), error });
                }
            }
        }
        busy
    }

    fn emit_records(&mut self, tp: TopicPartition, generation: u64, records: Vec<crate::record::Record>) {
        self.shared.counters.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        self.emit(Event::Records { tp, generation, records });
    }
}

fn log_failure<E: std::fmt::Display>(doing: &str, result: std::result::Result<(), E>) {
    if let Err(error) = result {
        tracing::warn!(doing, %error, "librdkafka refused");
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
