//! Questions to a cluster about what it can do and what it allows, for `check --live`. No message is written.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

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
        // A consumer gets no error for a topic that it may not even describe.
        if self.offsets.partition_count(topic, self.limit).await?.is_none() {
            let message = format!("Cannot fetch from topic {topic}: it does not exist");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let settings = self.settings(&format!("{}-probe", self.options.client_id), "true")?;
        let (topic, limit) = (topic.to_owned(), self.limit);
        thread::run("fetch from a topic", limit + WATCHDOG_GRACE, move || {
            fetch_once(&settings, &topic, limit)
        })
        .await
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

    fn settings(&self, group: &str, with_ends: &str) -> Result<ClientSettings> {
        self.options.settings(
            ClientKind::Metadata,
            &[],
            &[
                ("group.id", group),
                ("isolation.level", "read_committed"),
                ("allow.auto.create.topics", "false"),
                ("enable.auto.commit", "false"),
                ("enable.partition.eof", with_ends),
            ],
        )
    }
}

/// Waits for the first record behind the end of the log, or for the end itself.
fn fetch_once(settings: &ClientSettings, topic: &str, limit: Duration) -> Result<()> {
    let operation = format!("fetch from topic {topic}");
    let failed = |error| Error::from_kafka(&operation, error);
    let consumer: BaseConsumer<PlainContext> = settings.create(&operation, PlainContext::new)?;
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, 0, Offset::End).map_err(failed)?;
    consumer.assign(&list).map_err(failed)?;
    let started = Instant::now();
    while started.elapsed() < limit {
        match consumer.poll(POLL_TIMEOUT) {
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            // librdkafka retries the rest. This client reads without a group.
            Some(Err(error)) if !is_about_group(&error) && !kind_of(&error).is_retried_by_client() => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    Err(consumer.context().shared.explain(Error::timed_out(&operation, limit)))
}

fn fetch_group_offsets(
    settings: &ClientSettings,
    operation: &str,
    topic: &str,
    limit: Duration,
) -> Result<()> {
    let failed = |error| Error::from_kafka(operation, error);
    let consumer: BaseConsumer<PlainContext> = settings.create(operation, PlainContext::new)?;
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition(topic, 0);
    let error = match consumer.committed_offsets(list, limit) {
        // Refused topics do not matter here.
        Ok(offsets) => {
            let mut errors = offsets.elements().into_iter().filter_map(|element| element.error().err());
            match errors.find(is_about_group) {
                Some(error) => error,
                None => return Ok(()),
            }
        }
        Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            return Ok(());
        }
        Err(error) => error,
    };
    // librdkafka never finds a coordinator that refuses the client. A separate event holds the reason.
    let mut events =
        (0..MAX_EVENTS).map_while(|_| consumer.poll(Duration::ZERO)).filter_map(std::result::Result::err);
    let refused = events.find(is_about_group);
    Err(consumer.context().shared.explain(failed(refused.unwrap_or(error))))
}
