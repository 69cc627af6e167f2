//! Topic administration: create, inspect, extend and delete topics.
//!
//! `publish` creates its topics with it; `ingest`, the demo and tests use the rest. One call is one request (or
//! a request and queries until its effect is visible), and no call changes an existing topic silently.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::context::PlainContext;
use crate::error::{Error, ErrorKind, Result};
use crate::offsets::Offsets;
use crate::options::ClientOptions;
use crate::properties::ClientKind;
use crate::record::TopicPartition;

/// The pause between two metadata requests for a new topic.
const METADATA_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How much later than librdkafka a request gives up.
const REQUEST_GRACE: Duration = Duration::from_secs(2);

/// The result of [`Admin::ensure_topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnsureTopicOutcome {
    /// The call created the topic.
    Created,
    /// The topic existed before.
    Exists {
        /// The number of its partitions, which may differ from the requested one. So may its configuration.
        partitions: i32,
    },
}

/// Creates, inspects and deletes topics.
pub struct Admin {
    /// The client of administrative requests; `None` with OAuth, whose tokens rdkafka's admin client does not take.
    client: Option<AdminClient<PlainContext>>,
    offsets: Offsets,
    limit: Duration,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Admin {
    /// Creates an admin client. `limit` is the longest time that one request may take.
    ///
    /// # Errors
    /// `Config` for properties that librdkafka rejects.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let settings = options.settings(ClientKind::Metadata, &[], &[])?;
        let client = match options.tokens {
            Some(_) => None,
            None => Some(settings.create("create the admin client", PlainContext::new)?),
        };
        Ok(Admin { client, offsets: Offsets::new(options)?, limit })
    }

    /// Creates the topic unless it exists; an existing topic is not changed. When the call returns, the
    /// broker that answered knows the topic's partitions.
    ///
    /// # Errors
    /// `Config` (a wrong name, replication factor or configuration), `Denied`, `Unavailable`.
    pub async fn ensure_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i32,
        config: &[(&str, &str)],
    ) -> Result<EnsureTopicOutcome> {
        if let Some(partitions) = self.partition_count(name).await? {
            return Ok(EnsureTopicOutcome::Exists { partitions });
        }
        let operation = format!("create topic {name}");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication_factor));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let request = self.client(&operation)?.create_topics([&topic], &self.options());
        let is_created = match only_result(self.send(&operation, request).await?, &operation)? {
            Ok(_) => true,
            // Another client created it in the meantime.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => false,
            // No retry helps.
            Err((_, RDKafkaErrorCode::InvalidTopic)) => {
                let why = "Kafka refuses the name; is there a topic whose name differs from it only in `.` and `_`?";
                return Err(Error::new(ErrorKind::Config, format!("Cannot {operation}: {why}")));
            }
            Err((_, code)) => return Err(Error::from_kafka(&operation, KafkaError::AdminOp(code))),
        };
        let partitions = self.await_topic(name).await?;
        Ok(match is_created {
            true => EnsureTopicOutcome::Created,
            false => EnsureTopicOutcome::Exists { partitions },
        })
    }

    /// Returns the number of the topic's partitions, or `None` if the topic does not exist.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn partition_count(&self, topic: &str) -> Result<Option<i32>> {
        self.offsets.partition_count(topic, self.limit).await
    }

    /// Returns the number of copies of each of the topic's partitions, or `None` if the topic does not exist.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn replication_factor(&self, topic: &str) -> Result<Option<usize>> {
        self.offsets.replication_factor(topic, self.limit).await
    }

    /// Returns one configuration value of an existing topic, or `None` if the broker does not report it.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn topic_config(&self, topic: &str, name: &str) -> Result<Option<String>> {
        let operation = format!("read the configuration of topic {topic}");
        let resources = [ResourceSpecifier::Topic(topic)];
        let request = self.client(&operation)?.describe_configs(&resources, &self.options());
        let resource = only_result(self.send(&operation, request).await?, &operation)?
            .map_err(|code| Error::from_kafka(&operation, KafkaError::AdminOp(code)))?;
        Ok(resource.entries.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.value))
    }

    /// Adds partitions to a topic, so that it has `partitions` of them.
    ///
    /// # Errors
    /// `Config` if it has as many already; `NotFound`, `Denied`, `Unavailable`.
    pub async fn add_partitions(&self, topic: &str, partitions: usize) -> Result<()> {
        let operation = format!("extend topic {topic} to {partitions} partitions");
        let new_partitions = [NewPartitions::new(topic, partitions)];
        let request = self.client(&operation)?.create_partitions(&new_partitions, &self.options());
        match only_result(self.send(&operation, request).await?, &operation)? {
            Ok(_) => Ok(()),
            Err((_, code)) => Err(Error::from_kafka(&operation, KafkaError::AdminOp(code))),
        }
    }

    /// Deletes the records of a partition whose offset is below `before`.
    ///
    /// # Errors
    /// `OutOfRange` if `before` is above the high watermark; `NotFound`, `Denied`, `Unavailable`.
    pub async fn delete_records(&self, tp: &TopicPartition, before: i64) -> Result<()> {
        let operation = format!("delete the records of {tp} before offset {before}");
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(before))
            .map_err(|e| Error::from_kafka(&operation, e))?;
        let request = self.client(&operation)?.delete_records(&list, &self.options());
        let result = self.send(&operation, request).await?;
        result.elements().iter().try_for_each(|e| e.error()).map_err(|e| Error::from_kafka(&operation, e))
    }

    /// Returns the number of members of a consumer group: 0 if the group does not exist.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn group_member_count(&self, group: &str) -> Result<usize> {
        self.offsets.group_member_count(group, self.limit).await
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let operation = format!("delete topic {name}");
        let request = self.client(&operation)?.delete_topics(&[name], &self.options());
        match only_result(self.send(&operation, request).await?, &operation)? {
            Ok(_) => Ok(()),
            Err((_, code)) => Err(Error::from_kafka(&operation, KafkaError::AdminOp(code))),
        }
    }

    /// Waits until a broker knows the topic, and returns the number of its partitions.
    async fn await_topic(&self, name: &str) -> Result<i32> {
        let started = Instant::now();
        loop {
            if let Some(partitions) = self.partition_count(name).await? {
                return Ok(partitions);
            }
            if started.elapsed() > self.limit {
                return Err(Error::timed_out(&format!("find the new topic {name}"), self.limit));
            }
            tokio::time::sleep(METADATA_POLL_INTERVAL).await;
        }
    }

    /// Returns the client of administrative requests.
    ///
    /// rdkafka 0.39 serves the queue of each client except that of its admin client, and librdkafka asks for tokens
    /// through this queue.
    ///
    /// # Errors
    /// `Denied` with OAuth.
    fn client(&self, operation: &str) -> Result<&AdminClient<PlainContext>> {
        self.client.as_ref().ok_or_else(|| {
            let message = format!(
                "Cannot {operation}: the Kafka client library sends no administrative requests with [kafka.oauth]; create \
                 and configure topics with another tool"
            );
            Error::new(ErrorKind::Denied, message)
        })
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.limit)).operation_timeout(Some(self.limit))
    }

    /// Waits for the answer to one request, with a time limit.
    async fn send<T>(
        &self,
        operation: &str,
        request: impl Future<Output = std::result::Result<T, KafkaError>>,
    ) -> Result<T> {
        let answer = tokio::time::timeout(self.limit + REQUEST_GRACE, request).await;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Error::from_kafka(operation, error),
            Err(_) => Error::timed_out(operation, self.limit),
        };
        // rdkafka never serves the log of this client, so the other one has to know the cause.
        Err(self.offsets.explain(error))
    }
}

/// Returns the first of the results, where one was asked for.
fn only_result<T>(results: Vec<T>, operation: &str) -> Result<T> {
    let message = || format!("Cannot {operation}: the broker's answer names no topic");
    results.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Bug, message()))
}
