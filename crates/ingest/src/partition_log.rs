//! Questions to the brokers about the log of one partition.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spanbridge_kafka::{ClientOptions, Error, OffsetRange, Offsets, Reader, TopicPartition};
use spanbridge_protocol::ingest::{LogRange, Offset, Partition};
use tokio::sync::OnceCell;

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

/// The clients that ask about logs.
#[derive(Clone)]
pub(crate) struct PartitionLog {
    kafka: ClientOptions,
    pub(crate) offsets: Offsets,
    /// Created for the first log that has to be read.
    reader: Arc<OnceCell<Reader>>,
}

impl PartitionLog {
    pub(crate) fn new(kafka: ClientOptions, offsets: Offsets) -> Self {
        Self { kafka, offsets, reader: Arc::default() }
    }

    /// Returns whether the log holds a committed record from `start` to before `end`. Markers of transactions and aborted
    /// records are none.
    pub(crate) async fn has_records(
        &self,
        partition: &Partition,
        start: Offset,
        end: Offset,
    ) -> Result<bool, Error> {
        let reader = self.reader.get_or_try_init(async || Reader::new(&self.kafka, REQUEST_TIMEOUT)).await?;
        let found = Arc::new(AtomicBool::new(false));
        let range = OffsetRange { tp: topic_partition(partition), start, end };
        let seen = found.clone();
        let read = reader.read(vec![range], move |_| {
            seen.store(true, Ordering::Release);
            ControlFlow::Break(())
        });
        read.await?;
        Ok(found.load(Ordering::Acquire))
    }
}
