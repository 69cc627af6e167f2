use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::election::outlasted;
use crate::error::{Error, ErrorKind, Result};
use crate::log;
use crate::options::ClientOptions;
use crate::record::TopicPartition;
use crate::thread;

/// librdkafka gets its own time limit; ours comes a little later and means that it hangs.
const GRACE: Duration = Duration::from_secs(2);

/// Log start offset and high watermark of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset the log may still hold.
    pub start: i64,
    /// The **high watermark**: one past the last offset that all in-sync replicas have, open transactions and
    /// markers included. Not the last stable offset, which a `read_committed` client would be told.
    pub end: i64,
}

/// Asks brokers for offsets and partition counts. Cheap to clone.
#[derive(Clone)]
pub struct Offsets {
    client: Arc<BaseConsumer<LogOnly>>,
}

impl std::fmt::Debug for Offsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offsets")
    }
}

pub(crate) struct LogOnly;

impl ClientContext for LogOnly {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log::forward(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client");
    }
}

impl ConsumerContext for LogOnly {}

impl Offsets {
    /// A client of its own, not a member of any group, with `isolation.level=read_uncommitted`: librdkafka asks for
    /// "latest" with the client's isolation level, and only this one makes brokers answer with the high watermark.
    ///
    /// # Errors
    /// `Config` for properties librdkafka refuses.
    pub fn new(options: &ClientOptions) -> Result<Self> {
        Self::with_isolation(options, "read_uncommitted")
    }

    /// The same, but an `end` is the last stable offset: no transaction is open below it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn stable(options: &ClientOptions) -> Result<Self> {
        Self::with_isolation(options, "read_committed")
    }

    fn with_isolation(options: &ClientOptions, isolation: &str) -> Result<Self> {
        let mut config = options.config(
            &[],
            &[
                ("isolation.level", isolation),
                ("allow.auto.create.topics", "false"),
                ("enable.auto.commit", "false"),
            ],
        )?;
        config.remove("group.id");
        let client =
            config.create_with_context(LogOnly).map_err(|e| Error::from_kafka("create a client", e))?;
        Ok(Offsets { client: Arc::new(client) })
    }

    /// Asks the partition's leader, each question within `limit`; for a partition that is new to this client a second
    /// time.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn watermarks(&self, tp: &TopicPartition, limit: Duration) -> Result<Watermarks> {
        let (client, tp) = (self.client.clone(), tp.clone());
        // Two questions, each again with one in between for a new partition.
        thread::run("query of watermarks", 6 * limit + GRACE, move || {
            blocking_watermarks(&client, &tp, limit)
        })
        .await
    }

    /// The end alone of [`watermarks`](Self::watermarks).
    ///
    /// # Errors
    /// As there.
    pub async fn end(&self, tp: &TopicPartition, limit: Duration) -> Result<i64> {
        let (client, tp) = (self.client.clone(), tp.clone());
        thread::run("query of an end", 3 * limit + GRACE, move || {
            blocking_mark(&client, &tp, Offset::End, limit)
        })
        .await
    }

    /// The offset of the partition's first record that is not older than `time`, in milliseconds since 1970; the high
    /// watermark when there is none.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn at_time(&self, tp: &TopicPartition, time: i64, limit: Duration) -> Result<i64> {
        let (client, tp) = (self.client.clone(), tp.clone());
        // And the end, for a log that has no such record.
        thread::run("query of an offset by time", 4 * limit + GRACE, move || {
            blocking_at_time(&client, &tp, time, limit)
        })
        .await
    }

    pub(crate) async fn members(&self, group: &str, limit: Duration) -> Result<usize> {
        let (client, group) = (self.client.clone(), group.to_owned());
        thread::run("query of a group's members", limit + GRACE, move || {
            serve_log(&client);
            let failed = |error| Error::from_kafka(&format!("query the members of group {group}"), error);
            let list = client.fetch_group_list(Some(&group), limit).map_err(failed)?;
            Ok(list
                .groups()
                .iter()
                .filter(|found| found.name() == group)
                .map(|found| found.members().len())
                .sum())
        })
        .await
    }

    /// The number of partitions, or `None` when there is no such topic. Never creates it.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn partitions(&self, topic: &str, limit: Duration) -> Result<Option<i32>> {
        let (client, topic) = (self.client.clone(), topic.to_owned());
        thread::run("query of a topic's partitions", limit + GRACE, move || {
            blocking_partitions(&client, &topic, limit)
        })
        .await
    }
}

fn serve_log(client: &BaseConsumer<LogOnly>) {
    // Its log lines and errors wait in a queue that nobody else empties.
    for _ in 0..64 {
        drop(client.poll(Duration::ZERO));
    }
}

/// The start first, so that it is not above the end. librdkafka's own query of both drops the error of one when the other
/// is answered, and makes the log look empty.
fn blocking_watermarks(
    client: &BaseConsumer<LogOnly>,
    tp: &TopicPartition,
    limit: Duration,
) -> Result<Watermarks> {
    let mark = |which| blocking_mark(client, tp, which, limit);
    Ok(Watermarks { start: mark(Offset::Beginning)?, end: mark(Offset::End)? })
}

fn blocking_mark(
    client: &BaseConsumer<LogOnly>,
    tp: &TopicPartition,
    which: Offset,
    limit: Duration,
) -> Result<i64> {
    serve_log(client);
    let doing = format!("query the watermarks of {tp}");
    let query = || ask(client, tp, which, &doing, limit);
    let found = match query() {
        // librdkafka answers from what it knows, which a new partition is not part of until it has looked again.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match blocking_partitions(client, &tp.topic, limit)? {
                Some(count) if tp.partition < count => query()?,
                _ => return Err(error),
            }
        }
        answer => answer?,
    };
    found.ok_or_else(|| Error::new(ErrorKind::Unavailable, format!("{doing}: an answer without an offset")))
}

fn blocking_at_time(
    client: &BaseConsumer<LogOnly>,
    tp: &TopicPartition,
    time: i64,
    limit: Duration,
) -> Result<i64> {
    serve_log(client);
    let doing = format!("query the offset of {tp} by time");
    match ask(client, tp, Offset::Offset(time), &doing, limit)? {
        Some(offset) => Ok(offset),
        None => blocking_mark(client, tp, Offset::End, limit),
    }
}

/// The offset of the start, of the end, or of a time, which librdkafka takes where its answer has the offset; `None`
/// when the log has no record as young as that.
fn ask(
    client: &BaseConsumer<LogOnly>,
    tp: &TopicPartition,
    which: Offset,
    doing: &str,
    limit: Duration,
) -> Result<Option<i64>> {
    let failed = |error| Error::from_kafka(doing, error);
    let mut wanted = TopicPartitionList::with_capacity(1);
    wanted.add_partition_offset(&tp.topic, tp.partition, which).map_err(failed)?;
    outlasted(limit, |left| {
        let found = client.offsets_for_times(wanted.clone(), left).map_err(failed)?;
        let Some(found) = found.find_partition(&tp.topic, tp.partition) else { return Ok(None) };
        found.error().map_err(failed)?;
        match found.offset() {
            Offset::Offset(offset) => Ok(Some(offset)),
            _ => Ok(None),
        }
    })
}

fn blocking_partitions(client: &BaseConsumer<LogOnly>, topic: &str, limit: Duration) -> Result<Option<i32>> {
    serve_log(client);
    let doing = format!("query the partitions of topic {topic}");
    let failed = |error| Error::from_kafka(&doing, error);
    outlasted(limit, |left| {
        let metadata = client.fetch_metadata(Some(topic), left).map_err(failed)?;
        let Some(found) = metadata.topics().iter().find(|t| t.name() == topic) else { return Ok(None) };
        if let Some(code) = found.error() {
            let error = failed(KafkaError::MetadataFetch(code.into()));
            return if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) };
        }
        let count = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
        Ok((count > 0).then_some(count))
    })
}
