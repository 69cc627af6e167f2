//! Questions to the brokers about the log of one partition.

use std::time::Duration;

use spanbridge_kafka::{Error, Offsets, TopicPartition};
use spanbridge_protocol::ingest::{LogRange, Partition};

/// The maximum time that the brokers may take to answer one request.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn topic_partition(partition: &Partition) -> TopicPartition {
    TopicPartition::new(partition.topic.clone(), partition.number)
}

/// Reads the range of offsets that a partition's log currently holds.
pub(crate) async fn range(offsets: &Offsets, partition: &Partition) -> Result<LogRange, Error> {
    let log = offsets.watermarks(&topic_partition(partition), REQUEST_TIMEOUT).await?;
    Ok(LogRange { start: log.start, end: log.end })
}
