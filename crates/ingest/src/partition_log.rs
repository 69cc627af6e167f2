//! Questions to the brokers about the log of one partition.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanbridge_kafka::{
    ClientOptions, Error, ErrorKind, OffsetRange, Offsets, Reader, Record, TopicPartition,
};
use spanbridge_protocol::ingest::{Digest, LogRange, Offset, Partition};
use tokio::sync::{OnceCell, Semaphore};

use crate::record_digest::record_digest;

/// The maximum time that the brokers may take to answer one request.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of records that are read at a time for their digests. Each read has a client.
const MAX_DIGEST_READS: usize = 8;

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
    digest_reads: Arc<Semaphore>,
}

impl PartitionLog {
    pub(crate) fn new(kafka: ClientOptions, offsets: Offsets) -> Self {
        let digest_reads = Arc::new(Semaphore::new(MAX_DIGEST_READS));
        Self { kafka, offsets, reader: Arc::default(), digest_reads }
    }

    /// Returns whether the log holds a committed record from `start` to before `end`. Markers of transactions and aborted
    /// records are none.
    pub(crate) async fn has_records(
        &self,
        partition: &Partition,
        start: Offset,
        end: Offset,
    ) -> Result<bool, Error> {
        let found = Arc::new(AtomicBool::new(false));
        let seen = found.clone();
        let each = move |_| {
            seen.store(true, Ordering::Release);
            ControlFlow::Break(())
        };
        self.read(partition, start, end, each).await?;
        Ok(found.load(Ordering::Acquire))
    }

    /// Returns the digest of the committed record at an offset, or `None` if the log does not hold one.
    pub(crate) async fn digest(
        &self,
        partition: &Partition,
        offset: Offset,
    ) -> Result<Option<Digest>, Error> {
        // The semaphore is never closed.
        let _permit = self.digest_reads.acquire().await;
        let found = Arc::new(Mutex::new(None));
        let seen = found.clone();
        let each = move |record: Record| {
            if record.offset == offset {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(record_digest(&record));
            }
            ControlFlow::Break(())
        };
        match self.read(partition, offset, offset + 1, each).await {
            Ok(()) => Ok(*found.lock().unwrap_or_else(PoisonError::into_inner)),
            // The record was deleted meanwhile.
            Err(error) if error.kind() == ErrorKind::OutOfRange => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read<F>(&self, partition: &Partition, start: Offset, end: Offset, each: F) -> Result<(), Error>
    where
        F: FnMut(Record) -> ControlFlow<()> + Send + 'static,
    {
        let reader = self.reader.get_or_try_init(async || Reader::new(&self.kafka, REQUEST_TIMEOUT)).await?;
        reader.read(vec![OffsetRange { tp: topic_partition(partition), start, end }], each).await
    }
}
