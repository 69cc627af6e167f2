//! Questions to a cluster about what it can do and what it allows, for `check --live`. No message is written.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::context::PlainContext;
use crate::error::{Error, ErrorKind, Result, is_about_group, kind_of};
use crate::offsets::Offsets;
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::settings::ClientSettings;
use crate::thread;
use crate::transaction::{TransactionalOptions, TransactionalProducer};

/// How much later than its requests a thread is given up.
const WATCHDOG_GRACE: Duration = Duration::from_secs(2);
const POLL_TIMEOUT: Duration = Duration::from_millis(50);
/// The number of offsets at the end of a partition among which a record is looked for. Some may be control records.
const SAMPLED_OFFSETS: i64 = 10;
/// The number of events that may stand before the one that explains an error.
const MAX_EVENTS: usize = 64;
/// The time that a probed transaction may stay open. None is begun.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks a cluster what it can do and what it allows.
#[derive(Debug)]
pub struct ClusterProbe {
    options: ClientOptions,
    offsets: Offsets,
    limit: Duration,
}

impl ClusterProbe {
    /// Creates a probe. `limit` is the longest time that one question may take.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        Ok(Self { options: options.clone(), offsets: Offsets::new(options)?, limit })
    }

    /// Fetches from the end of the topic's first partition, which needs Read on the topic.
    ///
    /// # Errors
    /// `Denied`, `NotFound`, `Unavailable`.
    pub async fn read_topic(&self, topic: &str) -> Result<()> {
        self.partition_count(topic).await?;
        let settings = self.reader_settings()?;
        let (topic, limit) = (topic.to_owned(), self.limit);
        thread::run("fetch from a topic", limit + WATCHDOG_GRACE, move || {
            fetch_once(&settings, &topic, limit)
        })
        .await
    }

    /// Returns the value of one of the last records of the topic, if it has any, which needs Read on the topic.
    ///
    /// # Errors
    /// `Denied`, `NotFound`, `Unavailable`.
    pub async fn sample_value(&self, topic: &str) -> Result<Option<Vec<u8>>> {
        let partitions = self.partition_count(topic).await?;
        let settings = self.reader_settings()?;
        let (topic, limit) = (topic.to_owned(), self.limit);
        thread::run("read a record of a topic", limit + WATCHDOG_GRACE, move || {
            last_value(&settings, &topic, partitions, limit)
        })
        .await
    }

    /// Returns the number of partitions. A consumer gets no error for a topic that it may not even describe.
    async fn partition_count(&self, topic: &str) -> Result<i32> {
        let count = self.offsets.partition_count(topic, self.limit).await?;
        count.ok_or_else(|| {
            let message = format!("Cannot fetch from topic {topic}: it does not exist");
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// Fetches the offsets that a group has committed for the topic, which needs Describe on the group.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn describe_group(&self, group: &str, topic: &str) -> Result<()> {
        let settings = self.settings(group, "false")?;
        let (operation, limit) = (format!("fetch the offsets of group {group}"), self.limit);
        let topic = topic.to_owned();
        thread::run("fetch the offsets of a group", 2 * limit + WATCHDOG_GRACE, move || {
            fetch_group_offsets(&settings, &operation, &topic, limit)
        })
        .await
    }

    /// Initializes a transactional id, which needs Write on it, and a cluster with transactions. It fences producers with
    /// this id. The transaction coordinator forgets the id after `transactional.id.expiration.ms`.
    ///
    /// # Errors
    /// `Denied`; `Config` if the cluster has no transactions; `Unavailable`.
    pub async fn initialize_transactions(&self, transactional_id: &str) -> Result<()> {
        let options = TransactionalOptions {
            transactional_id: transactional_id.to_owned(),
            transaction_timeout: TRANSACTION_TIMEOUT.max(self.limit),
            operation_timeout: self.limit,
        };
        TransactionalProducer::init(&self.options, &options).await?.close().await
    }

    fn reader_settings(&self) -> Result<ClientSettings> {
        self.settings(&format!("{}-probe", self.options.client_id), "true")
    }

    fn settings(&self, group: &str, with_ends: &str) -> Result<ClientSettings> {
        self.options.settings(
            ClientKind::Metadata,
            &[],
            &[
                ("group.id", group),
                ("isolation.level", "read_committed"),
                ("enable.auto.commit", "false"),
                ("enable.partition.eof", with_ends),
            ],
        )
    }
}

/// The end of a fetch.
enum Fetched<T> {
    Record(T),
    /// All partitions have ended.
    Ends,
    TimedOut(Error),
}

/// Waits for the first record behind the end of the log, or for the end itself.
fn fetch_once(settings: &ClientSettings, topic: &str, limit: Duration) -> Result<()> {
    let operation = format!("fetch from topic {topic}");
    match fetch(settings, &operation, [(topic, 0, Offset::End)], limit, |_| Some(()))? {
        Fetched::Record(()) | Fetched::Ends => Ok(()),
        Fetched::TimedOut(error) => Err(error),
    }
}

/// Returns the first value among the last records of all partitions. `None`: they have none.
fn last_value(
    settings: &ClientSettings,
    topic: &str,
    partitions: i32,
    limit: Duration,
) -> Result<Option<Vec<u8>>> {
    let operation = format!("read a record of topic {topic}");
    let ranges = (0..partitions).map(|partition| (topic, partition, Offset::OffsetTail(SAMPLED_OFFSETS)));
    let value = |record: &BorrowedMessage<'_>| record.payload().map(<[u8]>::to_vec);
    match fetch(settings, &operation, ranges, limit, value)? {
        Fetched::Record(value) => Ok(Some(value)),
        Fetched::Ends | Fetched::TimedOut(_) => Ok(None),
    }
}

/// Fetches from these offsets until a record is taken, or until all partitions have ended. This client reads without a group.
fn fetch<'t, T>(
    settings: &ClientSettings,
    operation: &str,
    starts: impl IntoIterator<Item = (&'t str, i32, Offset)>,
    limit: Duration,
    take: impl Fn(&BorrowedMessage<'_>) -> Option<T>,
) -> Result<Fetched<T>> {
    let failed = |error| Error::from_kafka(operation, error);
    let consumer: BaseConsumer<PlainContext> = settings.create(operation, PlainContext::new)?;
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in starts {
        list.add_partition_offset(topic, partition, offset).map_err(failed)?;
    }
    consumer.assign(&list).map_err(failed)?;
    let (started, mut open) = (Instant::now(), list.count());
    while started.elapsed() < limit {
        if open == 0 {
            return Ok(Fetched::Ends);
        }
        match consumer.poll(POLL_TIMEOUT) {
            Some(Ok(record)) => {
                if let Some(taken) = take(&record) {
                    return Ok(Fetched::Record(taken));
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            // librdkafka retries the rest.
            Some(Err(error)) if !is_about_group(&error) && !kind_of(&error).is_retried_by_client() => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    Ok(Fetched::TimedOut(consumer.context().shared.explain(Error::timed_out(operation, limit))))
}

fn fetch_group_offsets(
    settings: &ClientSettings,
    operation: &str,
    topic: &str,
    limit: Duration,
) -> Result<()> {
    let failed = |error| Error::from_kafka(operation, error);
    let consumer: BaseConsumer<PlainContext> = settings.create(operation, PlainContext::new)?;
    let started = Instant::now();
    loop {
        let Some(error) = group_offsets_error(&consumer, topic, limit) else { return Ok(()) };
        // librdkafka never finds a coordinator that refuses the client. A separate event holds the reason.
        let mut events =
            (0..MAX_EVENTS).map_while(|_| consumer.poll(Duration::ZERO)).filter_map(std::result::Result::err);
        let refused = events.find(is_about_group);
        // A new cluster has no coordinators yet, and they move when a broker starts.
        if refused.is_none() && is_about_coordinator(&error) && started.elapsed() < limit {
            let _ = consumer.poll(POLL_TIMEOUT);
            continue;
        }
        return Err(consumer.context().shared.explain(failed(refused.unwrap_or(error))));
    }
}

/// Fetches the group's offsets once. Refused topics are no error.
fn group_offsets_error(
    consumer: &BaseConsumer<PlainContext>,
    topic: &str,
    limit: Duration,
) -> Option<KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(topic, 0);
    match consumer.committed_offsets(list, limit) {
        Ok(offsets) => {
            let mut errors = offsets.elements().into_iter().filter_map(|element| element.error().err());
            errors.find(is_about_group)
        }
        Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => None,
        Err(error) => Some(error),
    }
}

/// Returns true if the group has no coordinator at the moment.
fn is_about_coordinator(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let codes = [Code::NotCoordinator, Code::CoordinatorNotAvailable, Code::CoordinatorLoadInProgress];
    error.rdkafka_error_code().is_some_and(|code| codes.contains(&code))
}
