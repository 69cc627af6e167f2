//! A member of a consumer group whose caller chooses where each partition is read from.
//!
//! The group only assigns partitions. [`Subscription`] is the caller's handle and [`Events`] its queue of
//! events; both are used by `ingest` (source topics) and `publish` (the state topic). The member itself
//! (`group_member`) runs on its own thread and owns the librdkafka consumer, one `Fetch` for each partition
//! that is read, and the `Outbox`. It never waits for the caller, so heartbeats and rebalances continue while
//! the caller is slow, and it never uses the offsets that are committed to the group: they are a mirror for
//! monitoring tools.

mod context;
mod event;
mod fetch;
mod group_member;
mod outbox;
mod revocation;
mod stall_timer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::sync::{mpsc, oneshot};

pub use event::{Event, Events, RevocationAck};

use crate::connection::CONNECTION_STATISTICS_MS;
use crate::error::{Error, ErrorKind, Result};
use crate::offsets::{Offsets, Watermarks};
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::TopicPartition;
use crate::thread::{self, ThreadWaker};
use context::{GroupConsumer, GroupContext};
use group_member::GroupMember;
use outbox::{Outbox, RESERVED_EVENT_SLOTS};

/// How long [`Subscription::close`] waits until the member has left the group.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Commands that may wait for the member's thread, which serves them at least every 100 ms.
const COMMAND_QUEUE_CAPACITY: usize = 1024;

/// The limits of a subscription's memory and waiting times.
#[derive(Debug, Clone)]
pub struct SubscriptionLimits {
    /// The maximum number of records in one [`Event::Records`]. Default: 1000.
    pub chunk_records: usize,
    /// The size in bytes at which a chunk of records is complete; the last record may exceed it. Default: 1
    /// MiB.
    pub chunk_bytes: usize,
    /// The maximum number of chunks that wait for the caller, over all partitions. Default: 8.
    pub queue_chunks: usize,
    /// The number of bytes that librdkafka fetches ahead **per partition**. It may exceed them by one fetch
    /// response (1 MiB unless `max.partition.fetch.bytes` says otherwise) or one larger record. Default: 4
    /// MiB.
    pub prefetch_bytes: usize,
    /// How long a revocation waits for its [`RevocationAck`] before the group takes the partitions back
    /// anyway. Default: 5 s.
    pub revoke_wait: Duration,
    /// How long a fetch may deliver nothing before it is started again, because librdkafka may have stalled. The time
    /// doubles up to 10 min while the partition is idle. Default: 60 s.
    pub stall_timeout: Duration,
}

impl Default for SubscriptionLimits {
    fn default() -> Self {
        SubscriptionLimits {
            chunk_records: 1000,
            chunk_bytes: 1 << 20,
            queue_chunks: 8,
            prefetch_bytes: 4 << 20,
            revoke_wait: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(60),
        }
    }
}

/// The start of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchStart {
    /// This offset, or the first record after it. If the log does not hold it, the fetch ends with an
    /// [`Event::Error`] of kind `OutOfRange`.
    Offset(i64),
    /// The log start at the time of the fetch.
    Beginning,
}

/// Counters of a subscription since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// Records that were handed to the caller.
    pub records: u64,
    /// How often the caller's queue became full, so that fetching stopped.
    pub stalls: u64,
    /// Errors that librdkafka recovers from (an unreachable broker, a time-out).
    pub transient_errors: u64,
    /// Commits of mirrored positions that failed.
    pub failed_commits: u64,
    /// Revocations whose [`RevocationAck`] did not come in time.
    pub late_revocations: u64,
    /// Fetches that were started again because they delivered nothing; see [`SubscriptionLimits::stall_timeout`].
    pub restarted_fetches: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) stalls: AtomicU64,
    pub(crate) transient_errors: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) late_revocations: AtomicU64,
    pub(crate) restarted_fetches: AtomicU64,
}

/// A command from the handle to the member's thread.
pub(crate) enum FetchCommand {
    Start { tp: TopicPartition, start: FetchStart, result_tx: oneshot::Sender<Result<u64>> },
    Stop { tp: TopicPartition, done_tx: oneshot::Sender<()> },
}

/// State that the handle, the events and the member's thread share.
#[derive(Debug, Default)]
pub(crate) struct SharedState {
    pub(crate) waker: ThreadWaker,
    pub(crate) counters: Counters,
    pub(crate) is_closing: AtomicBool,
    pub(crate) is_member: AtomicBool,
    /// Positions that are not mirrored to the group yet: the latest one of each partition.
    positions: std::sync::Mutex<HashMap<TopicPartition, i64>>,
}

impl SharedState {
    /// Locks the positions that are not mirrored yet.
    pub(crate) fn positions(&self) -> std::sync::MutexGuard<'_, HashMap<TopicPartition, i64>> {
        self.positions.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The handle of a running member of a consumer group. Dropping it leaves the group without waiting; prefer
/// [`close`](Self::close).
///
/// One thread owns the consumer and never waits for the caller. Each fetched partition has its own queue in
/// librdkafka. While the caller's queue is full, that queue is not emptied, and librdkafka stops fetching.
/// (`pause` would drop what was fetched ahead.) The group's events are always served, so the membership stays
/// alive.
#[derive(Debug)]
pub struct Subscription {
    commands: std_mpsc::SyncSender<FetchCommand>,
    shared: Arc<SharedState>,
    offsets: Offsets,
    ended: oneshot::Receiver<()>,
}

impl Subscription {
    /// Joins `group_id` for `topics` (names, or regular expressions that start with `^`). Returns the handle
    /// and the events.
    ///
    /// Fixed properties: `isolation.level=read_committed`, `enable.auto.commit=false`,
    /// `enable.auto.offset.store=false`, `auto.offset.reset=error`,
    /// `partition.assignment.strategy=cooperative-sticky`, `group.protocol=classic`,
    /// `allow.auto.create.topics=false`, `enable.partition.eof=true`.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects, and for no topic or empty limits. Unreachable brokers
    /// are no error here, because librdkafka keeps trying.
    pub fn start(
        options: &ClientOptions,
        group_id: &str,
        topics: &[String],
        limits: SubscriptionLimits,
    ) -> Result<(Subscription, Events)> {
        if topics.is_empty() || limits.queue_chunks == 0 || limits.chunk_records == 0 {
            let message = "A subscription needs at least one topic, and limits `queue_chunks` and `chunk_records` of at least 1";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let prefetch_kib = (limits.prefetch_bytes / 1024).clamp(1, 2_097_151).to_string();
        let settings = options.settings(
            ClientKind::Consumer,
            &[
                ("queued.max.messages.kbytes", prefetch_kib.as_str()),
                ("fetch.max.bytes", "8388608"),
                // How long a crashed member keeps its partitions. Correctness does not depend on the group,
                // so a member that is given up wrongly costs only a rebalance.
                ("session.timeout.ms", "10000"),
                // How soon the member sees a new partition or a new topic that matches. librdkafka's default
                // is 5 min.
                ("topic.metadata.refresh.interval.ms", "10000"),
            ],
            &[
                ("group.id", group_id),
                ("group.protocol", "classic"),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                ("partition.assignment.strategy", "cooperative-sticky"),
                ("enable.partition.eof", "true"),
                ("statistics.interval.ms", CONNECTION_STATISTICS_MS),
            ],
        )?;
        let shared = Arc::new(SharedState::default());
        let context = |client| GroupContext::new(client, shared.clone());
        let mut consumer: GroupConsumer = settings.create("create the consumer", context)?;
        let wake = shared.clone();
        consumer.set_nonempty_callback(move || wake.waker.wake());
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|e| {
            Error::from_kafka(&format!("subscribe to {}", names.join(", ")), e).with_kind(ErrorKind::Config)
        })?;

        let (commands, command_rx) = std_mpsc::sync_channel(COMMAND_QUEUE_CAPACITY);
        let (event_tx, event_rx) = mpsc::channel(limits.queue_chunks + RESERVED_EVENT_SLOTS);
        let (end_tx, ended) = oneshot::channel();
        let outbox = Outbox::new(event_tx, shared.clone());
        let member = GroupMember::new(consumer, shared.clone(), command_rx, outbox, limits);
        thread::spawn("spanbridge-kafka-subscription", move || {
            member.run();
            let _ = end_tx.send(());
        })?;
        let offsets = Offsets::new(options)?;
        let events = Events::new(event_rx, shared.clone());
        Ok((Subscription { commands, shared, offsets, ended }, events))
    }

    /// Reads `tp` from `start`, and replaces the fetch of `tp` if there is one. Returns the generation of the
    /// new fetch, which is greater than all earlier ones of this subscription.
    ///
    /// Records carry the generation of their fetch. The events' queue may still hold records of an older
    /// generation; drop them. The first records of the new generation are the first at or after `start`.
    /// Other partitions keep what was read ahead. While a revocation waits for its [`RevocationAck`], the
    /// call succeeds, and the fetch starts afterwards.
    ///
    /// # Errors
    /// `Revoked` if the group does not assign `tp` to this member.
    pub async fn fetch_from(&self, tp: &TopicPartition, start: FetchStart) -> Result<u64> {
        let (result_tx, result_rx) = oneshot::channel();
        self.send(FetchCommand::Start { tp: tp.clone(), start, result_tx })?;
        result_rx.await.map_err(|_| ended())?
    }

    /// Stops reading `tp`, which stays assigned. Does nothing if it is not being read.
    ///
    /// # Errors
    /// `Bug` if the subscription has ended.
    pub async fn stop_fetch(&self, tp: &TopicPartition) -> Result<()> {
        let (done_tx, done_rx) = oneshot::channel();
        self.send(FetchCommand::Stop { tp: tp.clone(), done_tx })?;
        done_rx.await.map_err(|_| ended())
    }

    /// Mirrors positions to the group for monitoring tools: the **next** offset of each partition. The call
    /// neither waits nor fails. Only the latest position of each partition is sent, a few times a second.
    /// Failures are logged and counted.
    pub fn commit(&self, positions: impl IntoIterator<Item = (TopicPartition, i64)>) {
        self.shared.positions().extend(positions);
        self.shared.waker.wake();
    }

    /// Queries the log start and the high watermark of a partition; see [`Offsets::watermarks`].
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn watermarks(&self, tp: &TopicPartition, limit: Duration) -> Result<Watermarks> {
        self.offsets.watermarks(tp, limit).await
    }

    /// Returns whether the group has given this member an assignment, which may be empty, and the member has not lost
    /// it since.
    pub fn is_member(&self) -> bool {
        self.shared.is_member.load(Ordering::Acquire)
    }

    /// Returns the counters since the start.
    pub fn counts(&self) -> SubscriptionCounts {
        let c = &self.shared.counters;
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        SubscriptionCounts {
            records: get(&c.records),
            stalls: get(&c.stalls),
            transient_errors: get(&c.transient_errors),
            failed_commits: get(&c.failed_commits),
            late_revocations: get(&c.late_revocations),
            restarted_fetches: get(&c.restarted_fetches),
        }
    }

    /// Leaves the group and ends the thread. Finish with the partitions first, because no `Revoked` event is
    /// sent after this call. Positions that are not mirrored yet are still sent.
    ///
    /// # Errors
    /// `Unavailable` if the thread does not end within 10 s. It is then abandoned and counted; the group
    /// notices by its session time-out.
    pub async fn close(mut self) -> Result<()> {
        self.shared.is_closing.store(true, Ordering::Release);
        self.shared.waker.wake();
        // A closed channel means that the thread has panicked, so it has ended as well.
        if tokio::time::timeout(CLOSE_TIMEOUT, &mut self.ended).await.is_err() {
            thread::abandon("close of a subscription");
            return Err(Error::timed_out("leave the consumer group", CLOSE_TIMEOUT));
        }
        Ok(())
    }

    fn send(&self, command: FetchCommand) -> Result<()> {
        let sent = self.commands.try_send(command).map_err(|e| match e {
            std_mpsc::TrySendError::Full(_) => Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{COMMAND_QUEUE_CAPACITY} commands wait for the consumer's thread, which does not return from \
                     librdkafka; restart the process"
                ),
            ),
            std_mpsc::TrySendError::Disconnected(_) => ended(),
        });
        self.shared.waker.wake();
        sent
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Bug, "The subscription was used after its end")
}
