use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::error::{Error, ErrorKind, Result};
use crate::offsets::{LogOnly, Offsets};
use crate::options::ClientOptions;
use crate::record::TopicPartition;

/// Between two looks whether a new topic is known everywhere.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What `ensure_topic` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    Created,
    /// It was there, with this many partitions and whatever configuration.
    Exists {
        partitions: i32,
    },
}

/// Creates and looks at topics.
pub struct Admin {
    client: AdminClient<LogOnly>,
    offsets: Offsets,
    limit: Duration,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Admin {
    /// `limit` is the most time each call may take.
    ///
    /// # Errors
    /// `Config` for properties librdkafka refuses.
    pub fn new(options: &ClientOptions, limit: Duration) -> Result<Self> {
        let config = options.config(&[], &[])?;
        let client = config
            .create_with_context(LogOnly)
            .map_err(|e| Error::from_kafka("create the admin client", e))?;
        Ok(Admin { client, offsets: Offsets::new(options)?, limit })
    }

    /// Creates the topic unless it exists. An existing one is left as it is. After `Created`, its partitions are known
    /// to the broker that was asked.
    ///
    /// # Errors
    /// `Config` (a wrong replication factor or configuration), `Denied`, `Unavailable`.
    pub async fn ensure_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i32,
        config: &[(&str, &str)],
    ) -> Result<Ensured> {
        if let Some(partitions) = self.partitions(name).await? {
            return Ok(Ensured::Exists { partitions });
        }
        let doing = format!("create topic {name}");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication_factor));
        for (key, value) in config {
            topic = topic.set(key, value);
        }
        let answer = self.client.create_topics([&topic], &self.options());
        let created = match one(self.answer(&doing, answer).await?, &doing)? {
            Ok(_) => Ensured::Created,
            // Somebody was faster.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ensured::Exists { partitions },
            Err((_, code)) => return Err(Error::from_kafka(&doing, KafkaError::AdminOp(code))),
        };
        let found = self.await_topic(name).await?;
        Ok(match created {
            Ensured::Created => Ensured::Created,
            Ensured::Exists { .. } => Ensured::Exists { partitions: found },
        })
    }

    /// The number of partitions, or `None` when there is no such topic.
    pub async fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        self.offsets.partitions(topic, self.limit).await
    }

    /// A setting of a topic that is there; `None` when the broker does not tell it.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn setting(&self, topic: &str, name: &str) -> Result<Option<String>> {
        let doing = format!("read the settings of topic {topic}");
        let resources = [ResourceSpecifier::Topic(topic)];
        let answer = self.client.describe_configs(&resources, &self.options());
        let found = one(self.answer(&doing, answer).await?, &doing)?;
        let found = found.map_err(|code| Error::from_kafka(&doing, KafkaError::AdminOp(code)))?;
        Ok(found.entries.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.value))
    }

    /// Gives a topic more partitions: `partitions` in all.
    ///
    /// # Errors
    /// `Config` when it has as many already; `NotFound`, `Denied`, `Unavailable`.
    pub async fn add_partitions(&self, topic: &str, partitions: usize) -> Result<()> {
        let doing = format!("give topic {topic} {partitions} partitions");
        let more = [NewPartitions::new(topic, partitions)];
        let answer = self.client.create_partitions(&more, &self.options());
        match one(self.answer(&doing, answer).await?, &doing)? {
            Ok(_) => Ok(()),
            Err((_, code)) => Err(Error::from_kafka(&doing, KafkaError::AdminOp(code))),
        }
    }

    /// Moves the log's start of a partition to `before`: what is older is gone.
    ///
    /// # Errors
    /// `OutOfRange` when `before` is beyond the high watermark; `NotFound`, `Denied`, `Unavailable`.
    pub async fn delete_records(&self, tp: &TopicPartition, before: i64) -> Result<()> {
        let doing = format!("delete the records of {tp} before offset {before}");
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(before))
            .map_err(|e| Error::from_kafka(&doing, e))?;
        let result = self.answer(&doing, self.client.delete_records(&list, &self.options())).await?;
        result.elements().iter().try_for_each(|e| e.error()).map_err(|e| Error::from_kafka(&doing, e))
    }

    /// How many members a consumer group has now; 0 when there is no such group.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`.
    pub async fn members(&self, group: &str) -> Result<usize> {
        self.offsets.members(group, self.limit).await
    }

    /// # Errors
    /// `NotFound`, `Denied`, `Unavailable`.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let doing = format!("delete topic {name}");
        let answer = self.client.delete_topics(&[name], &self.options());
        match one(self.answer(&doing, answer).await?, &doing)? {
            Ok(_) => Ok(()),
            Err((_, code)) => Err(Error::from_kafka(&doing, KafkaError::AdminOp(code))),
        }
    }

    async fn await_topic(&self, name: &str) -> Result<i32> {
        let started = Instant::now();
        loop {
            if let Some(partitions) = self.partitions(name).await? {
                return Ok(partitions);
            }
            if started.elapsed() > self.limit {
                return Err(Error::timed_out(&format!("metadata of the new topic {name}"), self.limit));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.limit)).operation_timeout(Some(self.limit))
    }

    async fn answer<T>(
        &self,
        doing: &str,
        answer: impl Future<Output = std::result::Result<T, KafkaError>>,
    ) -> Result<T> {
        tokio::time::timeout(self.limit + Duration::from_secs(2), answer)
            .await
            .map_err(|_| Error::timed_out(doing, self.limit))?
            .map_err(|e| Error::from_kafka(doing, e))
    }
}

fn one<T>(results: Vec<T>, doing: &str) -> Result<T> {
    let missing = || Error::new(ErrorKind::Bug, format!("{doing}: the broker's answer names no topic"));
    results.into_iter().next().ok_or_else(missing)
}
