use std::sync::Arc;

use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::context::{Consumer, Context};
use super::{Limits, Shared, Start};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, TopicPartition};

/// What one look into a partition's queue gave.
pub(crate) enum Pull {
    Nothing,
    Records(Vec<Record>),
    Failed(Vec<Record>, Error),
}

/// One partition being read, from one explicit position on.
pub(crate) struct Fetch {
    tp: TopicPartition,
    pub(crate) generation: u64,
    queue: PartitionQueue<Context>,
    /// The least offset that may come next.
    next: i64,
    /// After an error librdkafka does not go on, and neither do we.
    halted: bool,
}

impl Fetch {
    /// librdkafka bumps the partition's version barrier when a fetch is stopped, on the thread that serves our
    /// `incremental_assign` after our `incremental_unassign`, and drops ops of older versions as they are taken from
    /// a queue (rdkafka_partition.c, rdkafka_queue.c). So nothing of an earlier fetch can come out of the new one's queue.
    pub(crate) fn start(
        consumer: &Arc<Consumer>,
        shared: &Arc<Shared>,
        tp: &TopicPartition,
        start: Start,
        generation: u64,
    ) -> Result<Fetch> {
        let mut list = TopicPartitionList::with_capacity(1);
        let (offset, next) = match start {
            Start::Offset(n) if n < 0 => {
                return Err(Error::new(
                    ErrorKind::Bug,
                    format!("fetch {tp} from offset {n}: offsets are not negative"),
                ));
            }
            Start::Offset(n) => (Offset::Offset(n), n),
            Start::Beginning => (Offset::Beginning, 0),
        };
        let doing = || format!("fetch {tp} from {start:?}");
        list.add_partition_offset(&tp.topic, tp.partition, offset)
            .map_err(|e| Error::from_kafka(&doing(), e))?;
        // Before the assignment, so that librdkafka does not forward the partition to the consumer's common queue.
        let mut queue = consumer.split_partition_queue(&tp.topic, tp.partition).ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("{}: librdkafka has no queue for it", doing()))
        })?;
        let wake = shared.clone();
        queue.set_nonempty_callback(move || wake.waker.wake());
        consumer.incremental_assign(&list).map_err(|e| Error::from_kafka(&doing(), e))?;
        Ok(Fetch { tp: tp.clone(), generation, queue, next, halted: false })
    }

    /// Takes nothing more from librdkafka.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted
    }

    /// Stops the fetch and throws away what it had read ahead.
    pub(crate) fn stop(self, consumer: &Consumer) -> Result<()> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.tp.topic, self.tp.partition);
        let stopped = consumer
            .incremental_unassign(&list)
            .map_err(|e| Error::from_kafka(&format!("stop fetching {}", self.tp), e));
        // One look drops all that is outdated; errors have no version and come out one by one.
        while self.queue.poll(std::time::Duration::ZERO).is_some() {}
        stopped
    }

    /// Takes at most a chunk out of librdkafka's queue, without waiting.
    pub(crate) fn pull(&mut self, limits: &Limits) -> Pull {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while !self.halted && records.len() < limits.chunk_records && bytes < limits.chunk_bytes {
            match self.queue.poll(std::time::Duration::ZERO) {
                None => break,
                Some(Ok(message)) if message.offset() < self.next => {
                    let what = format!("{}: offset {} after {}", self.tp, message.offset(), self.next);
                    self.halted = true;
                    return Pull::Failed(records, Error::new(ErrorKind::Bug, what));
                }
                Some(Ok(message)) => {
                    self.next = message.offset() + 1;
                    let record = Record::from_borrowed(&self.tp.topic, &message);
                    bytes += record.size();
                    records.push(record);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => {
                    self.halted = true;
                    let doing = format!("read {} at offset {} or after", self.tp, self.next);
                    return Pull::Failed(records, Error::from_kafka(&doing, error));
                }
            }
        }
        if records.is_empty() { Pull::Nothing } else { Pull::Records(records) }
    }
}
