//! Bounded reads: all committed records of a topic up to its current end.
//!
//! `publish` reads its state topic with it, and the commands and tests read data topics. A read first waits
//! for the transactions that are open below the end, so that it returns exactly the records that are or
//! become committed there. It never joins a group and never commits offsets.
//!
//! `unfinished` decides when a partition has been read; `context` takes what librdkafka reports about it.

mod context;
mod unfinished;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Result, is_about_group};
use crate::offsets::Offsets;
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::{Record, TopicPartition};
use crate::settings::ClientSettings;
use crate::thread;
use context::ReaderContext;
use unfinished::UnfinishedPartitions;

/// The pause between two queries whether open transactions have ended.
const STABLE_OFFSET_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The longest wait for one record, after which cancellation and the time limit are checked.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// How often librdkafka reports the offsets of ends that it has signalled. Most reads are over before.
const STATISTICS_INTERVAL_MS: &str = "200";
/// Records that wait between the reading thread and the caller that collects them.
const COLLECT_QUEUE_CAPACITY: usize = 1024;

/// The part of a partition that a read covers: all committed records with `start <= offset < end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetRange {
    /// The partition.
    pub tp: TopicPartition,
    /// The first offset: the log start at the time of the query, unless the caller chose another one.
    pub start: i64,
    /// One past the last offset: the high watermark at the time of the query.
    pub end: i64,
}

/// Reads the committed records of a topic, up to its end at the time of the call.
///
/// It is not a member of any group. librdkafka requires a `group.id` of every consumer, so it is
/// `<client_id>-reader`; no offset is ever committed to it.
#[derive(Clone)]
pub struct Reader {
    settings: ClientSettings,
    connection: Arc<Connection>,
    offsets: Offsets,
    /// Reports last stable offsets.
    stable_offsets: Offsets,
    limit: Duration,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Reader {
    /// Creates a reader. `limit` is the longest time without progress: without a record, the end of a
    /// partition, or the end of an open transaction.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let group = format!("{}-reader", options.client_id);
        let mut settings = options.settings(
            ClientKind::Consumer,
            &[("queued.max.messages.kbytes", "16384")],
            &[
                ("group.id", &group),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                ("enable.partition.eof", "true"),
                ("statistics.interval.ms", STATISTICS_INTERVAL_MS),
            ],
        )?;
        // A follower replica may know a lower last stable offset than the leader.
        settings.remove("client.rack");
        let offsets = Offsets::new(options)?;
        let stable_offsets = Offsets::stable(options)?;
        Ok(Reader { settings, connection: options.connection().clone(), offsets, stable_offsets, limit })
    }

    /// Returns all committed records of a topic, sorted by partition and offset. They are all held in memory;
    /// [`read`](Self::read) streams them.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`. The last one also if a transaction stays open for longer than the
    /// limit.
    pub async fn read_to_end(&self, topic: &str) -> Result<Vec<Record>> {
        let ranges = self.ranges(topic).await?;
        self.collect(ranges).await
    }

    /// Returns all committed records of one partition from `start`, or from the log start if it is `None`.
    ///
    /// # Errors
    /// Those of [`read_to_end`](Self::read_to_end), and `OutOfRange` if the log does not hold `start`.
    pub async fn read_partition_to_end(
        &self,
        tp: &TopicPartition,
        start: Option<i64>,
    ) -> Result<Vec<Record>> {
        let mut range = self.range(tp.clone()).await?;
        range.start = start.unwrap_or(range.start);
        self.collect(vec![range]).await
    }

    /// Returns the ranges that a read of the whole topic would cover now, one for each partition.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn ranges(&self, topic: &str) -> Result<Vec<OffsetRange>> {
        let Some(count) = self.offsets.partition_count(topic, self.limit).await? else {
            let message = format!("Cannot read topic {topic}: it does not exist");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let topic: Arc<str> = topic.into();
        let mut ranges = Vec::new();
        for partition in 0..count {
            ranges.push(self.range(TopicPartition { topic: topic.clone(), partition }).await?);
        }
        Ok(ranges)
    }

    async fn range(&self, tp: TopicPartition) -> Result<OffsetRange> {
        let watermarks = self.offsets.watermarks(&tp, self.limit).await?;
        Ok(OffsetRange { tp, start: watermarks.start, end: watermarks.end })
    }

    async fn collect(&self, ranges: Vec<OffsetRange>) -> Result<Vec<Record>> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Record>(COLLECT_QUEUE_CAPACITY);
        let reading = self.read(ranges, move |record| {
            // This runs on the reader's own thread, which may block.
            if sender.blocking_send(record).is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        let collecting = async {
            let mut records = Vec::new();
            while let Some(record) = receiver.recv().await {
                records.push(record);
            }
            records
        };
        let (result, mut records) = tokio::join!(reading, collecting);
        result?;
        records.sort_by_key(|r| (r.partition, r.offset));
        Ok(records)
    }

    /// Calls `each` with every committed record of the ranges, which are all of one topic, until it breaks.
    /// Records of one partition come in the order of their offsets. `each` runs on its own thread and may
    /// block, which is the back-pressure.
    ///
    /// The read starts when all transactions that were open below the end of a range have ended, that is,
    /// when the last stable offset has reached the end. An earlier read could miss records that are committed
    /// later at lower offsets.
    ///
    /// # Errors
    /// Those of [`read_to_end`](Self::read_to_end).
    pub async fn read<F>(&self, ranges: Vec<OffsetRange>, each: F) -> Result<()>
    where
        F: FnMut(Record) -> ControlFlow<()> + Send + 'static,
    {
        let ranges: Vec<OffsetRange> = ranges.into_iter().filter(|r| r.start < r.end).collect();
        let Some(first) = ranges.first() else { return Ok(()) };
        if ranges.iter().any(|r| r.tp.topic != first.tp.topic) {
            return Err(Error::new(ErrorKind::Bug, "The ranges of one read belong to several topics"));
        }
        for range in &ranges {
            self.await_stable(range).await?;
        }
        let (settings, limit, connection) = (self.settings.clone(), self.limit, self.connection.clone());
        let canceller = CancelOnDrop::default();
        let is_cancelled = canceller.0.clone();
        let (result_tx, result_rx) = tokio::sync::oneshot::channel();
        thread::spawn("spanbridge-kafka-reader", move || {
            let result = scan(&settings, &ranges, limit, &is_cancelled, each);
            let _ = result_tx.send(result.map_err(|error| connection.explain(error)));
        })?;
        result_rx
            .await
            .map_err(|_| Error::new(ErrorKind::Bug, "The reader's thread ended without a result"))?
    }

    /// Waits until no transaction is open below the end of `range`.
    async fn await_stable(&self, range: &OffsetRange) -> Result<()> {
        let started = Instant::now();
        loop {
            let stable = self.stable_offsets.end(&range.tp, self.limit).await?;
            if stable >= range.end {
                return Ok(());
            }
            if started.elapsed() > self.limit {
                let message = format!(
                    "Cannot read {}: a transaction has been open at offset {stable} for {:?}; end its producer, or wait \
                     for the producer's transaction.timeout.ms",
                    range.tp, self.limit
                );
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            tokio::time::sleep(STABLE_OFFSET_POLL_INTERVAL).await;
        }
    }
}

/// Sets its flag when the caller's future is dropped, so that the reading thread stops.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Reads the ranges on the current thread.
fn scan(
    settings: &ClientSettings,
    ranges: &[OffsetRange],
    limit: Duration,
    is_cancelled: &AtomicBool,
    mut each: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<()> {
    let Some(topic) = ranges.first().map(|r| r.tp.topic.clone()) else { return Ok(()) };
    let operation = format!("read topic {topic}");
    let failed = |e| Error::from_kafka(&operation, e);
    let consumer: BaseConsumer<ReaderContext> = settings.create(&operation, ReaderContext::new)?;
    let mut list = TopicPartitionList::with_capacity(ranges.len());
    for range in ranges {
        list.add_partition_offset(&topic, range.tp.partition, Offset::Offset(range.start)).map_err(failed)?;
    }
    let mut unfinished = UnfinishedPartitions::new(ranges);
    consumer.assign(&list).map_err(failed)?;
    let mut last_progress = Instant::now();
    while !unfinished.is_empty() && !is_cancelled.load(Ordering::Acquire) {
        let polled = consumer.poll(POLL_TIMEOUT);
        for (partition, offset) in consumer.context().take_signalled_ends() {
            unfinished.end_signalled(partition, offset);
        }
        match polled {
            None => {
                unfinished.queue_is_empty();
                if last_progress.elapsed() > limit && !unfinished.is_empty() {
                    let message = format!(
                        "Cannot {operation}: no record arrived within {limit:?}, with {} partitions unfinished; check \
                         that the brokers are reachable",
                        unfinished.len()
                    );
                    return Err(Error::new(ErrorKind::Unavailable, message));
                }
            }
            Some(Ok(message)) => {
                last_progress = Instant::now();
                let Some(end) = unfinished.end(message.partition()) else { continue };
                if message.offset() < end && each(Record::from_borrowed(&topic, &message)).is_break() {
                    return Ok(());
                }
                unfinished.record(message.partition(), message.offset());
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                last_progress = Instant::now();
                unfinished.end_of_partition(partition, position(&consumer, &topic, partition));
            }
            Some(Err(e)) if is_about_group(&e) => {}
            Some(Err(e)) => {
                let error = failed(e);
                if !error.kind().is_retried_by_client() {
                    return Err(error);
                }
                tracing::debug!(%error, "Kafka reader error; librdkafka retries");
            }
        }
    }
    Ok(())
}

/// Returns the consumer's position, which is behind the records and control records that were taken from its queue;
/// `None` if there were none.
fn position(consumer: &BaseConsumer<ReaderContext>, topic: &str, partition: i32) -> Option<i64> {
    let positions = consumer.position().ok()?;
    match positions.find_partition(topic, partition)?.offset() {
        Offset::Offset(position) => Some(position),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
