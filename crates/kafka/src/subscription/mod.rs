//! A member of a consumer group that lets the caller say where each partition is read from.

mod context;
mod event;
mod fetch;
mod rebalance;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::sync::{mpsc, oneshot};

pub use event::{Done, Event, Events};

use crate::error::{Error, ErrorKind, Result};
use crate::offsets::{Offsets, Watermarks};
use crate::options::ClientOptions;
use crate::record::TopicPartition;
use crate::thread::{self, Waker};
use context::Context;
use worker::Worker;

/// How long `close` may take beyond the time for revocations: librdkafka's own goodbye to the group.
const CLOSE_GRACE: Duration = Duration::from_secs(10);
/// Commands that may wait for the worker thread; it serves them at least every 100 ms.
const COMMANDS: usize = 1024;

/// What bounds a subscription's memory and waiting.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most records in one [`Event::Records`].
    pub chunk_records: usize,
    /// A chunk is closed once it holds this many bytes (it may exceed them by one record).
    pub chunk_bytes: usize,
    /// Chunks that wait for the caller, over all partitions.
    pub queue_chunks: usize,
    /// Bytes librdkafka fetches ahead **per partition** (it may exceed them by one fetch response, of 1 MiB unless
    /// `max.partition.fetch.bytes` says otherwise, or one larger record).
    pub prefetch_bytes: usize,
    /// How long a revocation waits for [`Done`] before the group gets the partitions back anyway.
    pub revoke_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            chunk_records: 1000,
            chunk_bytes: 1 << 20,
            queue_chunks: 8,
            prefetch_bytes: 4 << 20,
            revoke_wait: Duration::from_secs(5),
        }
    }
}

/// Where a fetch starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At this offset, or at the first record after it. Outside the log: an [`Event::Error`] of kind `OutOfRange`.
    Offset(i64),
    /// At the log's start, wherever that is then.
    Beginning,
}

/// What a subscription has seen since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// Records handed to the caller.
    pub records: u64,
    /// Times the caller's queue was full, so that fetching stood still.
    pub stalls: u64,
    /// Errors that librdkafka recovers from by itself (a broker is away, a time-out).
    pub transient_errors: u64,
    /// Mirror commits that failed.
    pub failed_commits: u64,
    /// Revocations whose [`Done`] did not come in time.
    pub late_revocations: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) records: AtomicU64,
    pub(crate) stalls: AtomicU64,
    pub(crate) transient_errors: AtomicU64,
    pub(crate) failed_commits: AtomicU64,
    pub(crate) late_revocations: AtomicU64,
}

pub(crate) enum Command {
    Fetch { tp: TopicPartition, start: Start, answer: oneshot::Sender<Result<u64>> },
    Stop { tp: TopicPartition, answer: oneshot::Sender<()> },
}

/// What handle and worker share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) waker: Waker,
    pub(crate) counters: Counters,
    pub(crate) closing: AtomicBool,
    /// Offsets still to be mirrored to the group: the latest of each partition, so that it stays small.
    pub(crate) mirror: std::sync::Mutex<HashMap<TopicPartition, i64>>,
}

impl Shared {
    pub(crate) fn mirror(&self) -> std::sync::MutexGuard<'_, HashMap<TopicPartition, i64>> {
        self.mirror.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A running member of a consumer group. Dropping it leaves the group too, without waiting; prefer [`close`](Self::close).
///
/// One thread owns the consumer. It never waits for the caller: each fetched partition has a queue of its own in
/// librdkafka, which is simply not emptied while the caller's queue is full (librdkafka then stops fetching;
/// `pause` would throw away what was fetched ahead). The group's events are served all the time, so the membership lives.
#[derive(Debug)]
pub struct Subscription {
    commands: std_mpsc::SyncSender<Command>,
    shared: Arc<Shared>,
    offsets: Offsets,
    ended: oneshot::Receiver<()>,
    close_limit: Duration,
}

impl Subscription {
    /// Joins `group_id` for `topics` (names, or `^regex`), and returns the member and its events.
    ///
    /// Fixed, whatever the properties say: `isolation.level=read_committed`, `enable.auto.commit=false`,
    /// `enable.auto.offset.store=false`, `auto.offset.reset=error`, `partition.assignment.strategy=cooperative-sticky`,
    /// `group.protocol=classic`, `allow.auto.create.topics=false`, `enable.partition.eof=false`.
    ///
    /// # Errors
    /// `Config` for properties librdkafka refuses. A cluster that is away is no error here: librdkafka keeps trying.
    pub fn start(
        options: &ClientOptions,
        group_id: &str,
        topics: &[String],
        limits: Limits,
    ) -> Result<(Subscription, Events)> {
        if topics.is_empty() || limits.queue_chunks == 0 || limits.chunk_records == 0 {
            let what =
                "a subscription needs at least one topic, queue_chunks and chunk_records of at least 1";
            return Err(Error::new(ErrorKind::Config, what));
        }
        let prefetch_kib = (limits.prefetch_bytes / 1024).clamp(1, 2_097_151).to_string();
        let config = options.config(
            &[
                ("queued.max.messages.kbytes", prefetch_kib.as_str()),
                ("fetch.max.bytes", "8388608"),
                // A crashed member holds its partitions for so long. The group is trusted with nothing, so that a
                // member wrongly given up costs a rebalance and no more.
                ("session.timeout.ms", "10000"),
                // How soon a new partition, or a new topic that matches, is seen: librdkafka's default is five minutes.
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
                ("allow.auto.create.topics", "false"),
                ("enable.partition.eof", "false"),
            ],
        )?;
        let shared = Arc::new(Shared::default());
        let context = Context::new(shared.clone());
        let mut consumer: context::Consumer =
            config.create_with_context(context).map_err(|e| Error::from_kafka("create the consumer", e))?;
        let wake = shared.clone();
        consumer.set_nonempty_callback(move || wake.waker.wake());
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|e| {
            Error::from_kafka(&format!("subscribe to {names:?}"), e).with_kind(ErrorKind::Config)
        })?;

        let (commands, command_rx) = std_mpsc::sync_channel(COMMANDS);
        let (events, event_rx) = mpsc::channel(limits.queue_chunks + worker::CONTROL_SLOTS);
        let (end, ended) = oneshot::channel();
        let close_limit = CLOSE_GRACE;
        let worker = Worker::new(consumer, shared.clone(), command_rx, events, limits);
        thread::spawn("spanbridge-kafka-subscription", move || {
            worker.run();
            let _ = end.send(());
        })?;
        let offsets = Offsets::new(options)?;
        let events = Events::new(event_rx, shared.clone());
        Ok((Subscription { commands, shared, offsets, ended, close_limit }, events))
    }

    /// Reads `tp` from `start` on, whether it is being read already or not, and returns the generation of the new
    /// fetch: greater than all before in this subscription. Records carry their fetch's generation; those of an
    /// older one may still be in the events' queue and are to be dropped. The first records with the new generation
    /// are the first at or after `start`.
    ///
    /// Other partitions keep what was read ahead. While a revocation waits for its [`Done`], the fetch is accepted, and
    /// starts after it.
    ///
    /// # Errors
    /// `Revoked` when the group does not (or no longer) assign `tp` to this member.
    pub async fn fetch_from(&self, tp: &TopicPartition, start: Start) -> Result<u64> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Fetch { tp: tp.clone(), start, answer })?;
        answered.await.map_err(|_| stopped())?
    }

    /// Stops reading `tp`; it stays assigned. Nothing happens when it is not being read.
    pub async fn stop_fetch(&self, tp: &TopicPartition) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Stop { tp: tp.clone(), answer })?;
        answered.await.map_err(|_| stopped())
    }

    /// Mirrors positions to the group, for tools that look there: the **next** offset of each partition. Neither waits
    /// nor fails; only the latest per partition is sent, a few times a second. Failures are logged and counted.
    pub fn commit(&self, positions: impl IntoIterator<Item = (TopicPartition, i64)>) {
        self.shared.mirror().extend(positions);
        self.shared.waker.wake();
    }

    /// Log start and high watermark of a partition; see [`Offsets::watermarks`].
    pub async fn watermarks(&self, tp: &TopicPartition, limit: Duration) -> Result<Watermarks> {
        self.offsets.watermarks(tp, limit).await
    }

    pub fn counts(&self) -> SubscriptionCounts {
        let c = &self.shared.counters;
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        SubscriptionCounts {
            records: get(&c.records),
            stalls: get(&c.stalls),
            transient_errors: get(&c.transient_errors),
            failed_commits: get(&c.failed_commits),
            late_revocations: get(&c.late_revocations),
        }
    }

    /// Leaves the group and ends the thread. Finish with the partitions first: no `Revoked` is sent any more. The last
    /// mirror commits are still sent.
    ///
    /// # Errors
    /// `Unavailable` when the thread did not end within 10 s (it is then abandoned and counted; the group will
    /// find out by its session time-out).
    pub async fn close(mut self) -> Result<()> {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.waker.wake();
        // An error means that the thread has ended without a word, which is an end as well.
        if tokio::time::timeout(self.close_limit, &mut self.ended).await.is_err() {
            thread::abandon("close of a subscription");
            return Err(Error::timed_out("leave the consumer group", self.close_limit));
        }
        Ok(())
    }

    fn send(&self, command: Command) -> Result<()> {
        let sent = self.commands.try_send(command).map_err(|e| match e {
            std_mpsc::TrySendError::Full(_) => Error::new(
                ErrorKind::Unavailable,
                format!("{COMMANDS} commands wait for the consumer's thread; it does not come back from librdkafka"),
            ),
            std_mpsc::TrySendError::Disconnected(_) => stopped(),
        });
        self.shared.waker.wake();
        sent
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Bug, "the subscription has ended; do not use it after close")
}
