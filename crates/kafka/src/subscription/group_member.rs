//! The member of the consumer group: the thread that owns librdkafka's consumer.
//!
//! It owns the assignment, the fetch of each partition, and the pending revocation. `Subscription` sends it
//! commands, the callbacks in `context` queue rebalances for it, and it answers with events through the
//! `Outbox`. It never waits for the caller, never seeks or pauses (a fetch is stopped and started again), and
//! never reads the offsets that are committed to the group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::context::{GroupConsumer, Rebalance};
use super::event::{Event, RevocationAck};
use super::fetch::{Fetch, PullResult};
use super::outbox::Outbox;
use super::revocation::{PendingRevocation, RevocationState};
use super::stall_timer::StallTimer;
use super::{FetchCommand, FetchStart, SharedState, SubscriptionLimits};
use crate::error::{Error, ErrorKind, Result, kind_of};
use crate::record::{Record, TopicPartition};

/// The longest time that the thread sleeps. A lost wake-up costs no more than this.
const MAX_PARK_TIME: Duration = Duration::from_millis(100);
/// Events of the group that are served in one round.
const MAX_GROUP_EVENTS_PER_ROUND: usize = 16;
/// The shortest time between two commits of mirrored positions.
const MIRROR_INTERVAL: Duration = Duration::from_millis(250);

/// The shortest time between two reads of the consumer's positions at ends of partitions.
const END_INTERVAL: Duration = Duration::from_millis(100);

/// The member of the consumer group, which runs on its own thread.
///
/// Each round serves the caller's commands and the group, then takes records of each fetched partition as far
/// as the caller has room. Nothing in a round waits.
pub(crate) struct GroupMember {
    consumer: Arc<GroupConsumer>,
    shared: Arc<SharedState>,
    commands: std_mpsc::Receiver<FetchCommand>,
    outbox: Outbox,
    limits: SubscriptionLimits,
    /// The partitions that the group assigns to this member.
    owned: BTreeSet<TopicPartition>,
    fetches: BTreeMap<TopicPartition, Fetch>,
    /// The generation of the latest fetch.
    generation: u64,
    revocation: Option<PendingRevocation>,
    /// Fetches that start after the revocation. To stop their predecessors, partitions must be unassigned,
    /// which librdkafka would take for the answer to the revocation.
    deferred: BTreeMap<TopicPartition, (FetchStart, u64)>,
    mirrored_at: Option<Instant>,
    /// The time of the last read of the consumer's positions.
    ends_read_at: Option<Instant>,
    /// The index of the partition that is pulled first, for fairness.
    first_pulled: usize,
}

impl GroupMember {
    pub(crate) fn new(
        consumer: GroupConsumer,
        shared: Arc<SharedState>,
        commands: std_mpsc::Receiver<FetchCommand>,
        outbox: Outbox,
        limits: SubscriptionLimits,
    ) -> Self {
        GroupMember {
            consumer: Arc::new(consumer),
            shared,
            commands,
            outbox,
            limits,
            owned: BTreeSet::new(),
            fetches: BTreeMap::new(),
            generation: 0,
            revocation: None,
            deferred: BTreeMap::new(),
            mirrored_at: None,
            ends_read_at: None,
            first_pulled: 0,
        }
    }

    /// Runs until the subscription is closed, then leaves the group.
    pub(crate) fn run(mut self) {
        self.shared.waker.attach();
        while !self.shared.is_closing.load(Ordering::Acquire) {
            let mut is_busy = self.serve_commands();
            is_busy |= self.serve_group();
            self.serve_revocation();
            self.mirror_positions_if_due();
            self.outbox.flush();
            is_busy |= self.pull_records();
            self.report_ends();
            if !is_busy {
                thread::park_timeout(MAX_PARK_TIME);
            }
        }
        self.close();
    }

    fn close(mut self) {
        self.mirror_positions();
        let has_revocation = self.revocation.take().is_some();
        self.fetches.clear();
        if has_revocation {
            let result = self.consumer.incremental_unassign(&TopicPartitionList::new());
            log_failure("answer a revocation", result);
        }
        // The last reference. Its drop leaves the group: rdkafka polls until librdkafka says "closed".
        drop(self.consumer);
        tracing::debug!("Left the consumer group");
    }

    /// Serves the caller's commands. Returns whether there were any.
    fn serve_commands(&mut self) -> bool {
        let mut is_busy = false;
        while let Ok(command) = self.commands.try_recv() {
            is_busy = true;
            match command {
                FetchCommand::Start { tp, start, result_tx } => {
                    let result = self.start_fetch(&tp, start);
                    // A caller that no longer waits will ask again.
                    let _ = result_tx.send(result);
                }
                FetchCommand::Stop { tp, done_tx } => {
                    self.stop_fetch(&tp);
                    let _ = done_tx.send(());
                }
            }
        }
        is_busy
    }

    /// Replaces the partition's fetch and returns the new generation. It never waits for a revocation: the
    /// caller may need this call's result before it can acknowledge the revocation.
    fn start_fetch(&mut self, tp: &TopicPartition, start: FetchStart) -> Result<u64> {
        let is_revoked = self.revocation.as_ref().is_some_and(|r| r.partitions.contains(tp));
        if is_revoked || !self.owned.contains(tp) {
            let message = format!("Cannot fetch {tp}: the group does not assign it to this member");
            return Err(Error::new(ErrorKind::Revoked, message));
        }
        self.stop_fetch(tp);
        self.generation += 1;
        if self.revocation.is_some() {
            self.deferred.insert(tp.clone(), (start, self.generation));
        } else {
            self.begin_fetch(tp, start, self.generation)?;
        }
        Ok(self.generation)
    }

    fn begin_fetch(&mut self, tp: &TopicPartition, start: FetchStart, generation: u64) -> Result<()> {
        let stall_timer = StallTimer::new(self.limits.stall_timeout);
        let fetch = Fetch::start(&self.consumer, &self.shared, tp, start, generation, stall_timer)?;
        tracing::debug!(%tp, ?start, generation, "Started a fetch");
        self.fetches.insert(tp.clone(), fetch);
        Ok(())
    }

    fn stop_fetch(&mut self, tp: &TopicPartition) {
        self.deferred.remove(tp);
        if self.revocation.is_some() {
            if let Some(fetch) = self.fetches.get_mut(tp) {
                fetch.halt();
            }
        } else if let Some(fetch) = self.fetches.remove(tp) {
            log_failure("stop a fetch", fetch.stop(&self.consumer));
        }
    }

    /// Serves rebalances, results of commits, and errors. These polls are also what `max.poll.interval.ms`
    /// measures.
    fn serve_group(&mut self) -> bool {
        let mut is_busy = false;
        for _ in 0..MAX_GROUP_EVENTS_PER_ROUND {
            let polled = self.consumer.poll(Duration::ZERO).map(|r| r.map(|m| (m.partition(), m.offset())));
            match polled {
                None => {}
                Some(Ok((partition, offset))) => {
                    // Its partition's queue was split off before the assignment, so the record is outdated.
                    tracing::debug!(partition, offset, "Dropped a record outside of its partition's queue");
                }
                Some(Err(error)) => self.report(error),
            }
            while let Some(rebalance) = self.consumer.context().next_rebalance() {
                is_busy = true;
                self.rebalance(rebalance);
            }
        }
        is_busy
    }

    /// Counts an error that librdkafka recovers from, and passes any other one to the caller.
    fn report(&mut self, error: KafkaError) {
        match kind_of(&error) {
            kind if kind.is_retried_by_client() || kind == ErrorKind::Bug => {
                self.shared.counters.transient_errors.fetch_add(1, Ordering::Relaxed);
                // The context has logged the failed connection.
                tracing::debug!(%error, "Kafka consumer error; librdkafka retries");
            }
            _ => {
                let error = Error::from_kafka("take part in the consumer group", error);
                self.outbox.send(Event::Error { tp: None, generation: None, error });
            }
        }
    }

    fn rebalance(&mut self, rebalance: Rebalance) {
        match rebalance {
            Rebalance::Assign(partitions) => {
                // An empty list completes the rebalance without fetching anything. librdkafka keeps the
                // partitions that the group assigns (`rkcg_group_assignment`) apart from those that are
                // fetched (`assignment.all`).
                let result = self.consumer.incremental_assign(&TopicPartitionList::new());
                log_failure("accept an assignment", result);
                self.owned.extend(partitions.iter().cloned());
                self.shared.is_member.store(true, Ordering::Release);
                tracing::info!(partitions = %names(&partitions), "The group assigned partitions");
                if !partitions.is_empty() {
                    self.outbox.send(Event::Assigned(partitions));
                }
            }
            Rebalance::Revoke { partitions, lost: true } => {
                tracing::warn!(partitions = %names(&partitions), "Lost the assignment of partitions");
                self.shared.is_member.store(false, Ordering::Release);
                self.give_up(&partitions);
                self.outbox.send(Event::Lost(partitions));
            }
            Rebalance::Revoke { partitions, lost: false } => {
                tracing::info!(partitions = %names(&partitions), "The group revokes partitions");
                let (ack, acknowledged) = RevocationAck::new(self.shared.clone());
                let deadline = Instant::now() + self.limits.revoke_wait;
                self.revocation = Some(PendingRevocation::new(partitions.clone(), acknowledged, deadline));
                self.outbox.send(Event::Revoked { partitions, ack });
            }
        }
    }

    /// Completes the pending revocation once it is acknowledged or its time is over, and starts the deferred
    /// fetches.
    fn serve_revocation(&mut self) {
        let Some(revocation) = &mut self.revocation else { return };
        match revocation.state(Instant::now()) {
            RevocationState::Waiting => return,
            RevocationState::Acknowledged => {}
            RevocationState::TimedOut => {
                self.shared.counters.late_revocations.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    limit = ?self.limits.revoke_wait,
                    "Gave back revoked partitions before the pipeline had finished with them"
                );
            }
        }
        let partitions = self.revocation.take().map(|r| r.partitions).unwrap_or_default();
        self.mirror_positions();
        self.give_up(&partitions);
        let halted: Vec<_> =
            self.fetches.iter().filter(|(_, f)| f.is_halted()).map(|(tp, _)| tp.clone()).collect();
        for tp in halted {
            // `stop_fetch` could only halt it. A fetch that failed is of no use either.
            if let Some(fetch) = self.fetches.remove(&tp) {
                log_failure("stop a fetch", fetch.stop(&self.consumer));
            }
        }
        for (tp, (start, generation)) in std::mem::take(&mut self.deferred) {
            if let Err(error) = self.begin_fetch(&tp, start, generation) {
                self.outbox.send(Event::Error { tp: Some(tp), generation: Some(generation), error });
            }
        }
    }

    /// Unassigns the fetched ones of `partitions`. The call answers librdkafka's revocation even if there are
    /// none.
    fn give_up(&mut self, partitions: &[TopicPartition]) {
        let mut list = TopicPartitionList::new();
        for tp in partitions {
            self.owned.remove(tp);
            self.deferred.remove(tp);
            self.shared.positions().remove(tp);
            if self.fetches.remove(tp).is_some() {
                list.add_partition(&tp.topic, tp.partition);
            }
        }
        log_failure("give partitions back", self.consumer.incremental_unassign(&list));
    }

    fn mirror_positions_if_due(&mut self) {
        if self.mirrored_at.is_none_or(|at| at.elapsed() >= MIRROR_INTERVAL) {
            self.mirror_positions();
        }
    }

    /// Commits the caller's positions of owned partitions to the group.
    fn mirror_positions(&mut self) {
        let positions = std::mem::take(&mut *self.shared.positions());
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (tp, next) in positions {
            if self.owned.contains(&tp) && next >= 0 {
                let result = list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(next));
                log_failure("mirror a position", result);
            }
        }
        if list.count() > 0 {
            self.mirrored_at = Some(Instant::now());
            if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
                self.shared.counters.failed_commits.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%error, "Cannot mirror positions to the consumer group");
            }
        }
    }

    /// Takes at most one chunk of each partition. Does nothing while a revocation waits.
    fn pull_records(&mut self) -> bool {
        if self.revocation.is_some() || self.fetches.is_empty() {
            return false;
        }
        let mut order: Vec<TopicPartition> = self.fetches.keys().cloned().collect();
        self.first_pulled = (self.first_pulled + 1) % order.len();
        order.rotate_left(self.first_pulled);
        let mut is_busy = false;
        for tp in order {
            if !self.outbox.has_room() {
                return is_busy;
            }
            let Some(fetch) = self.fetches.get_mut(&tp) else { continue };
            let generation = fetch.generation;
            match fetch.pull(&self.limits) {
                PullResult::Empty if fetch.may_have_stalled() => self.restart_fetch(&tp, generation),
                PullResult::Empty => {}
                PullResult::Records(records) => {
                    is_busy = true;
                    self.send_records(tp, generation, records);
                }
                PullResult::Failed(records, error) => {
                    is_busy = true;
                    tracing::warn!(%tp, generation, %error, "A fetch failed");
                    if !records.is_empty() {
                        self.send_records(tp.clone(), generation, records);
                    }
                    self.outbox.send(Event::Error { tp: Some(tp), generation: Some(generation), error });
                }
            }
        }
        is_busy
    }

    /// Starts a silent fetch again.
    fn restart_fetch(&mut self, tp: &TopicPartition, generation: u64) {
        let Some(fetch) = self.fetches.remove(tp) else { return };
        self.shared.counters.restarted_fetches.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%tp, generation, "Started a silent fetch again");
        match fetch.restart(&self.consumer, &self.shared) {
            Ok(fetch) => {
                self.fetches.insert(tp.clone(), fetch);
            }
            Err(error) => {
                self.outbox.send(Event::Error { tp: Some(tp.clone()), generation: Some(generation), error });
            }
        }
    }

    /// Sends the positions of partitions at whose end the consumer is behind control records or aborted
    /// records.
    ///
    /// A round has sent all records that it has taken from librdkafka's queues, so the positions are not ahead
    /// of the events.
    fn report_ends(&mut self) {
        let is_due = self.ends_read_at.is_none_or(|at| at.elapsed() >= END_INTERVAL);
        if !is_due || self.revocation.is_some() || !self.fetches.values().any(Fetch::is_at_end) {
            return;
        }
        self.ends_read_at = Some(Instant::now());
        let positions = match self.consumer.position() {
            Ok(positions) => positions,
            Err(error) => {
                tracing::debug!(%error, "Cannot read the positions of the consumer");
                return;
            }
        };
        for (tp, fetch) in self.fetches.iter_mut().filter(|(_, fetch)| fetch.is_at_end()) {
            if !self.outbox.has_room() {
                return;
            }
            let Some(position) = positions.find_partition(&tp.topic, tp.partition) else { continue };
            if let Some(position) = fetch.end_position(position.offset()) {
                let (tp, generation) = (tp.clone(), fetch.generation);
                self.outbox.send(Event::End { tp, generation, position });
            }
        }
    }

    fn send_records(&mut self, tp: TopicPartition, generation: u64, records: Vec<Record>) {
        self.shared.counters.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        self.outbox.send(Event::Records { tp, generation, records });
    }
}

fn log_failure<E: std::fmt::Display>(operation: &str, result: std::result::Result<(), E>) {
    if let Err(error) = result {
        tracing::warn!(operation, %error, "librdkafka rejected a call of the group member");
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
