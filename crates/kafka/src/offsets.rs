//! Queries of offsets, partition counts and group sizes.
//!
//! `ingest` uses them for positions outside of the log, lag and checks; `Admin`, `Reader` and `Subscription`
//! for their own queries. One query is one blocking request of librdkafka on its own thread. The client never
//! joins a group and never creates a topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::PlainContext;
use crate::election::retry_during_election;
use crate::error::{Error, ErrorKind, Result};
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::TopicPartition;
use crate::thread;

/// How much later than librdkafka's own time limit a thread is given up.
const WATCHDOG_GRACE: Duration = Duration::from_secs(2);
/// Events that are taken from the client's queue before each query.
const MAX_EVENTS_PER_QUERY: usize = 64;

/// The log start offset and the high watermark of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The log start offset: the first offset that the log may still hold.
    pub start: i64,
    /// The **high watermark**: one past the last offset that all in-sync replicas have, including open
    /// transactions and control records. It is not the last stable offset, which brokers report to a
    /// `read_committed` client.
    pub end: i64,
}

/// Queries offsets, partition counts and group sizes. Clones share one client.
#[derive(Clone)]
pub struct Offsets {
    client: Arc<BaseConsumer<PlainContext>>,
}

impl std::fmt::Debug for Offsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offsets")
    }
}

impl Offsets {
    /// Creates a client that is not a member of any group, with `isolation.level=read_uncommitted`:
    /// librdkafka queries the end offset with the client's isolation level, and only this level returns the
    /// high watermark.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn new(options: &ClientOptions) -> Result<Self> {
        Self::with_isolation(options, "read_uncommitted")
    }

    /// Creates a client that reports the last stable offset as a partition's end. No transaction is open
    /// below it.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn stable(options: &ClientOptions) -> Result<Self> {
        Self::with_isolation(options, "read_committed")
    }

    fn with_isolation(options: &ClientOptions, isolation: &str) -> Result<Self> {
        let settings = options.settings(
            ClientKind::Metadata,
            &[],
            &[("isolation.level", isolation), ("enable.auto.commit", "false")],
        )?;
        let client = settings.create("create a client for offsets", PlainContext::new)?;
        Ok(Offsets { client: Arc::new(client) })
    }

    /// Queries both ends of a partition's log from its leader. Each query may take `limit`; for a partition
    /// that this client does not know yet, each is sent a second time.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn watermarks(&self, tp: &TopicPartition, limit: Duration) -> Result<Watermarks> {
        let (client, tp) = (self.client.clone(), tp.clone());
        // Two queries; each is three requests if the partition is new: the query, metadata, the query.
        thread::run("query the watermarks of a partition", 6 * limit + WATCHDOG_GRACE, move || {
            explained(&client, blocking_watermarks(&client, &tp, limit))
        })
        .await
    }

    /// Queries only the end of a partition's log; see [`Watermarks::end`].
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn end(&self, tp: &TopicPartition, limit: Duration) -> Result<i64> {
        let (client, tp) = (self.client.clone(), tp.clone());
        thread::run("query the end of a partition", 3 * limit + WATCHDOG_GRACE, move || {
            explained(&client, blocking_log_end(&client, &tp, Offset::End, limit))
        })
        .await
    }

    /// Returns the offset of the partition's first record whose timestamp is `time` or later, in milliseconds
    /// since 1970; the high watermark if there is none.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn at_time(&self, tp: &TopicPartition, time: i64, limit: Duration) -> Result<i64> {
        let (client, tp) = (self.client.clone(), tp.clone());
        // One request by time, and up to three for the end of the log.
        thread::run("query an offset by time", 4 * limit + WATCHDOG_GRACE, move || {
            explained(&client, blocking_at_time(&client, &tp, time, limit))
        })
        .await
    }

    /// Returns the number of members of a consumer group: 0 if the group does not exist.
    pub(crate) async fn group_member_count(&self, group: &str, limit: Duration) -> Result<usize> {
        let (client, group) = (self.client.clone(), group.to_owned());
        thread::run("query the members of a group", limit + WATCHDOG_GRACE, move || {
            drain_old_events(&client);
            let failed = |error| Error::from_kafka(&format!("query the members of group {group}"), error);
            let list = explained(&client, client.fetch_group_list(Some(&group), limit).map_err(failed))?;
            let groups = list.groups().iter().filter(|listed| listed.name() == group);
            Ok(groups.map(|listed| listed.members().len()).sum())
        })
        .await
    }

    /// Returns the number of the topic's partitions, or `None` if the topic does not exist. Never creates the
    /// topic.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn partition_count(&self, topic: &str, limit: Duration) -> Result<Option<i32>> {
        let (client, topic) = (self.client.clone(), topic.to_owned());
        thread::run("query the partitions of a topic", limit + WATCHDOG_GRACE, move || {
            explained(&client, blocking_partition_count(&client, &topic, limit))
        })
        .await
    }

    /// Returns the least number of copies of the topic's partitions, or `None` if the topic does not exist.
    pub(crate) async fn replication_factor(&self, topic: &str, limit: Duration) -> Result<Option<usize>> {
        let (client, topic) = (self.client.clone(), topic.to_owned());
        thread::run("query the copies of a topic", limit + WATCHDOG_GRACE, move || {
            let copies = blocking_partitions(&client, &topic, limit, |partitions| {
                partitions.iter().map(|partition| partition.replicas().len()).min()
            });
            explained(&client, copies)
        })
        .await
    }

    /// Adds the cause to an error that means "no answer".
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.client.context().finish_request(true);
        drain_events(&self.client);
        self.client.context().shared.explain(error)
    }
}

/// Adds the cause to an error that means "no answer". It stands in the log lines that wait in the client's queue.
fn explained<T>(client: &BaseConsumer<PlainContext>, result: Result<T>) -> Result<T> {
    client.context().finish_request(result.is_err());
    result.map_err(|error| {
        drain_events(client);
        client.context().shared.explain(error)
    })
}

/// Serves what waits in a queue that nobody empties between two queries.
fn drain_old_events(client: &BaseConsumer<PlainContext>) {
    client.context().is_late.store(true, Ordering::Relaxed);
    drain_events(client);
    client.context().is_late.store(false, Ordering::Relaxed);
}

/// Serves log lines and errors.
fn drain_events(client: &BaseConsumer<PlainContext>) {
    for _ in 0..MAX_EVENTS_PER_QUERY {
        drop(client.poll(Duration::ZERO));
    }
}

/// Queries the start before the end, so that the start is not above the end. librdkafka's own query of both
/// drops the error of one if the other is answered, and makes the log look empty.
fn blocking_watermarks(
    client: &BaseConsumer<PlainContext>,
    tp: &TopicPartition,
    limit: Duration,
) -> Result<Watermarks> {
    let log_end = |which| blocking_log_end(client, tp, which, limit);
    Ok(Watermarks { start: log_end(Offset::Beginning)?, end: log_end(Offset::End)? })
}

/// Queries one end of the log: `Offset::Beginning` or `Offset::End`.
fn blocking_log_end(
    client: &BaseConsumer<PlainContext>,
    tp: &TopicPartition,
    which: Offset,
    limit: Duration,
) -> Result<i64> {
    drain_old_events(client);
    let operation = format!("query the watermarks of {tp}");
    let query = || query_offset(client, tp, which, &operation, limit);
    let offset = match query() {
        // librdkafka answers from its metadata, which has a new partition only after the next refresh.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match blocking_partition_count(client, &tp.topic, limit)? {
                Some(count) if tp.partition < count => query()?,
                _ => return Err(error),
            }
        }
        answer => answer?,
    };
    let message = || format!("Cannot {operation}: the broker's answer has no offset");
    offset.ok_or_else(|| Error::new(ErrorKind::Unavailable, message()))
}

fn blocking_at_time(
    client: &BaseConsumer<PlainContext>,
    tp: &TopicPartition,
    time: i64,
    limit: Duration,
) -> Result<i64> {
    drain_old_events(client);
    let operation = format!("query the offset of {tp} by time");
    match query_offset(client, tp, Offset::Offset(time), &operation, limit)? {
        Some(offset) => Ok(offset),
        None => blocking_log_end(client, tp, Offset::End, limit),
    }
}

/// Sends one `ListOffsets` query. `which` is the start, the end, or a time, which librdkafka's interface
/// takes in the place of an offset. Returns `None` if the log has no record of that time or later.
fn query_offset(
    client: &BaseConsumer<PlainContext>,
    tp: &TopicPartition,
    which: Offset,
    operation: &str,
    limit: Duration,
) -> Result<Option<i64>> {
    let failed = |error| Error::from_kafka(operation, error);
    let mut query = TopicPartitionList::with_capacity(1);
    query.add_partition_offset(&tp.topic, tp.partition, which).map_err(failed)?;
    retry_during_election(limit, |remaining| {
        let answer = client.offsets_for_times(query.clone(), remaining).map_err(failed)?;
        let Some(element) = answer.find_partition(&tp.topic, tp.partition) else { return Ok(None) };
        element.error().map_err(failed)?;
        match element.offset() {
            Offset::Offset(offset) => Ok(Some(offset)),
            _ => Ok(None),
        }
    })
}

fn blocking_partition_count(
    client: &BaseConsumer<PlainContext>,
    topic: &str,
    limit: Duration,
) -> Result<Option<i32>> {
    blocking_partitions(client, topic, limit, |partitions| {
        let count = i32::try_from(partitions.len()).unwrap_or(i32::MAX);
        (count > 0).then_some(count)
    })
}

/// Queries the partitions of a topic, and returns `None` if it does not exist.
fn blocking_partitions<T>(
    client: &BaseConsumer<PlainContext>,
    topic: &str,
    limit: Duration,
    of: impl Fn(&[MetadataPartition]) -> Option<T>,
) -> Result<Option<T>> {
    drain_old_events(client);
    let operation = format!("query the partitions of topic {topic}");
    let failed = |e| Error::from_kafka(&operation, e);
    retry_during_election(limit, |remaining| {
        let metadata = client.fetch_metadata(Some(topic), remaining).map_err(failed)?;
        let Some(metadata) = metadata.topics().iter().find(|t| t.name() == topic) else { return Ok(None) };
        if let Some(code) = metadata.error() {
            let error = failed(KafkaError::MetadataFetch(code.into()));
            return if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) };
        }
        Ok(of(metadata.partitions()))
    })
}
