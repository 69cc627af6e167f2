use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::error::{Error, ErrorKind, Result};
use crate::offsets::{LogOnly, Offsets};
use crate::options::ClientOptions;
use crate::record::{Record, TopicPartition};
use crate::thread;

/// Between two looks whether open transactions have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const STEP: Duration = Duration::from_millis(100);

/// The part of a partition that a read covers: all committed records with `start <= offset < end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub tp: TopicPartition,
    /// The log's start when asked, unless the caller said otherwise.
    pub start: i64,
    /// The high watermark when asked.
    pub end: i64,
}

/// Reads what is committed in a topic, up to its end at the time of the call. Not a member of any group, but librdkafka
/// wants a `group.id` for its consumer: `<client_id>-reader`; nothing is ever committed to it.
#[derive(Clone)]
pub struct Reader {
    config: ClientConfig,
    offsets: Offsets,
    stable: Offsets,
    limit: Duration,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Reader {
    /// `limit` is the most time without any progress: no record, no end of a partition, no open transaction ending.
    ///
    /// # Errors
    /// `Config` for properties librdkafka refuses.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let group = format!("{}-reader", options.client_id);
        let mut config = options.config(
            &[("queued.max.messages.kbytes", "16384")],
            &[
                ("group.id", &group),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                ("allow.auto.create.topics", "false"),
                ("enable.partition.eof", "true"),
            ],
        )?;
        // A follower may not know yet how far transactions have ended.
        config.remove("client.rack");
        let offsets = Offsets::new(options)?;
        let stable = Offsets::stable(options)?;
        Ok(Reader { config, offsets, stable, limit })
    }

    /// All committed records of a topic, by partition and offset. Holds them in memory: see [`read`](Self::read).
    ///
    /// # Errors
    /// `NotFound`, `Denied`; `Unavailable` also when a transaction that was open stays open for longer than the limit.
    pub async fn read_to_end(&self, topic: &str) -> Result<Vec<Record>> {
        let spans = self.spans(topic).await?;
        self.collect(spans).await
    }

    /// All committed records of one partition from `start` on (`None`: from the log's start).
    ///
    /// # Errors
    /// As [`read_to_end`](Self::read_to_end); `OutOfRange` when the log does not hold `start`.
    pub async fn read_partition_to_end(
        &self,
        tp: &TopicPartition,
        start: Option<i64>,
    ) -> Result<Vec<Record>> {
        let mut span = self.span(tp.clone()).await?;
        span.start = start.unwrap_or(span.start);
        self.collect(vec![span]).await
    }

    /// What a read of the whole topic would cover now.
    pub async fn spans(&self, topic: &str) -> Result<Vec<Span>> {
        let Some(count) = self.offsets.partitions(topic, self.limit).await? else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("read topic {topic}: there is no such topic"),
            ));
        };
        let topic: Arc<str> = topic.into();
        let mut spans = Vec::new();
        for partition in 0..count {
            spans.push(self.span(TopicPartition { topic: topic.clone(), partition }).await?);
        }
        Ok(spans)
    }

    async fn span(&self, tp: TopicPartition) -> Result<Span> {
        let marks = self.offsets.watermarks(&tp, self.limit).await?;
        Ok(Span { tp, start: marks.start, end: marks.end })
    }

    async fn collect(&self, spans: Vec<Span>) -> Result<Vec<Record>> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Record>(1024);
        let reading = self.read(spans, move |record| {
            // On the reader's own thread.
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
        let (read, mut records) = tokio::join!(reading, collecting);
        read?;
        records.sort_by_key(|r| (r.partition, r.offset));
        Ok(records)
    }

    /// Calls `each` with every committed record of the spans (all of one topic), in offset order within a partition, until
    /// it breaks. `each` runs on a thread of its own and may block; that is the back-pressure.
    ///
    /// First waits until all transactions that were open below a span's end have ended (the last stable offset reaches
    /// it): their records may stand before others, so stopping earlier would miss committed ones.
    ///
    /// # Errors
    /// As [`read_to_end`](Self::read_to_end).
    pub async fn read<F>(&self, spans: Vec<Span>, each: F) -> Result<()>
    where
        F: FnMut(Record) -> ControlFlow<()> + Send + 'static,
    {
        let spans: Vec<Span> = spans.into_iter().filter(|s| s.start < s.end).collect();
        let Some(first) = spans.first() else { return Ok(()) };
        if spans.iter().any(|s| s.tp.topic != first.tp.topic) {
            return Err(Error::new(ErrorKind::Bug, "one read covers one topic"));
        }
        for span in &spans {
            self.await_stable(span).await?;
        }
        let (config, limit) = (self.config.clone(), self.limit);
        let cancelled = Cancel::default();
        let stop = cancelled.0.clone();
        let (answer, answered) = tokio::sync::oneshot::channel();
        thread::spawn("spanbridge-kafka-reader", move || {
            let _ = answer.send(scan(&config, &spans, limit, &stop, each));
        })?;
        answered.await.map_err(|_| Error::new(ErrorKind::Bug, "the reader's thread has ended"))?
    }

    async fn await_stable(&self, span: &Span) -> Result<()> {
        let started = Instant::now();
        loop {
            let stable = self.stable.end(&span.tp, self.limit).await?;
            if stable >= span.end {
                return Ok(());
            }
            if started.elapsed() > self.limit {
                let what = format!(
                    "read {}: a transaction has been open at offset {stable} for {:?}; its producer has to end it, or its \
                     transaction.timeout.ms",
                    span.tp, self.limit
                );
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Tells the thread that nobody waits any more.
#[derive(Default)]
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The last stable offset has passed all ends already, so the first end-of-partition of each is at or after its end.
fn scan(
    config: &ClientConfig,
    spans: &[Span],
    limit: Duration,
    cancelled: &AtomicBool,
    mut each: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<()> {
    let Some(topic) = spans.first().map(|s| s.tp.topic.clone()) else { return Ok(()) };
    let doing = format!("read topic {topic}");
    let failed = |e| Error::from_kafka(&doing, e);
    let consumer: BaseConsumer<LogOnly> = config.create_with_context(LogOnly).map_err(failed)?;
    let mut list = TopicPartitionList::with_capacity(spans.len());
    let mut open: BTreeMap<i32, i64> = BTreeMap::new();
    for span in spans {
        list.add_partition_offset(&topic, span.tp.partition, Offset::Offset(span.start)).map_err(failed)?;
        open.insert(span.tp.partition, span.end);
    }
    consumer.assign(&list).map_err(failed)?;
    let mut progress = Instant::now();
    while !open.is_empty() && !cancelled.load(Ordering::Acquire) {
        match consumer.poll(STEP) {
            None if progress.elapsed() > limit => {
                let what =
                    format!("{doing}: nothing came for {limit:?}, with {} partitions unfinished", open.len());
                return Err(Error::new(ErrorKind::Unavailable, what));
            }
            None => {}
            Some(Ok(message)) => {
                progress = Instant::now();
                let Some(end) = open.get(&message.partition()).copied() else { continue };
                if message.offset() < end && each(Record::from_borrowed(&topic, &message)).is_break() {
                    return Ok(());
                }
                if message.offset() + 1 >= end {
                    open.remove(&message.partition());
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                progress = Instant::now();
                open.remove(&partition);
            }
            Some(Err(e)) => {
                let error = failed(e);
                match error.kind() {
                    ErrorKind::Unavailable => tracing::debug!(%error, "librdkafka goes on by itself"),
                    _ => return Err(error),
                }
            }
        }
    }
    Ok(())
}
