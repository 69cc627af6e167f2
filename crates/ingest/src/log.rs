//! What the brokers are asked about a partition's log.

use std::time::Duration;

use spanbridge_kafka::{Error, Offsets, TopicPartition};
use spanbridge_protocol::ingest::{LogRange, Partition};

/// How long the brokers may take to answer one question.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn topic_partition(partition: &Partition) -> TopicPartition {
    TopicPartition::new(partition.topic.clone(), partition.number)
}

/// The offsets that a partition's log holds now.
pub(crate) async fn range(offsets: &Offsets, partition: &Partition) -> Result<LogRange, Error> {
    let log = offsets.watermarks(&topic_partition(partition), LIMIT).await?;
    Ok(LogRange { start: log.start, end: log.end })
}
