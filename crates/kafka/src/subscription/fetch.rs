//! The fetch of one partition from an explicit offset.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::context::{GroupConsumer, GroupContext};
use super::stall_timer::StallTimer;
use super::{FetchStart, SharedState, SubscriptionLimits};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Record, TopicPartition};

/// The result of one [`Fetch::pull`].
pub(crate) enum PullResult {
    Empty,
    Records(Vec<Record>),
    /// The records before an error, and the error.
    Failed(Vec<Record>, Error),
}

/// One partition that is being read.
pub(crate) struct Fetch {
    tp: TopicPartition,
    pub(crate) generation: u64,
    queue: PartitionQueue<GroupContext>,
    start: FetchStart,
    stall_timer: StallTimer,
    /// The lowest offset that the next record may have.
    next: i64,
    /// Set after an error, after which librdkafka does not continue either, and by [`halt`](Self::halt).
    is_halted: bool,
    /// Set at the end of the partition, until [`end_position`](Self::end_position) is called.
    is_at_end: bool,
}

impl Fetch {
    /// Assigns the partition to the consumer at `start`.
    ///
    /// No record of an earlier fetch comes out of the new queue: when a fetch is stopped, librdkafka
    /// increases the partition's version barrier, on the thread that serves our `incremental_assign` after
    /// our `incremental_unassign`, and drops operations of older versions as they are taken from a queue
    /// (`rdkafka_partition.c`, `rdkafka_queue.c`).
    ///
    /// # Errors
    /// `Bug` for a negative offset, and librdkafka's errors.
    pub(crate) fn start(
        consumer: &Arc<GroupConsumer>,
        shared: &Arc<SharedState>,
        tp: &TopicPartition,
        start: FetchStart,
        generation: u64,
        stall_timer: StallTimer,
    ) -> Result<Fetch> {
        let mut list = TopicPartitionList::with_capacity(1);
        let (offset, next) = match start {
            FetchStart::Offset(n) if n < 0 => {
                let message = format!("Cannot fetch {tp} from offset {n}: offsets are not negative");
                return Err(Error::new(ErrorKind::Bug, message));
            }
            FetchStart::Offset(n) => (Offset::Offset(n), n),
            FetchStart::Beginning => (Offset::Beginning, 0),
        };
        let operation = || match start {
            FetchStart::Offset(n) => format!("fetch {tp} from offset {n}"),
            FetchStart::Beginning => format!("fetch {tp} from its beginning"),
        };
        list.add_partition_offset(&tp.topic, tp.partition, offset)
            .map_err(|e| Error::from_kafka(&operation(), e))?;
        // Before the assignment, so that librdkafka does not forward the partition to the consumer's common
        // queue.
        let mut queue = consumer.split_partition_queue(&tp.topic, tp.partition).ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("Cannot {}: librdkafka has no queue for it", operation()))
        })?;
        let wake = shared.clone();
        queue.set_nonempty_callback(move || wake.waker.wake());
        consumer.incremental_assign(&list).map_err(|e| Error::from_kafka(&operation(), e))?;
        Ok(Fetch {
            tp: tp.clone(),
            generation,
            queue,
            start,
            stall_timer,
            next,
            is_halted: false,
            is_at_end: false,
        })
    }

    /// Stops taking records from librdkafka, while the assignment cannot be changed.
    pub(crate) fn halt(&mut self) {
        self.is_halted = true;
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Returns whether the end of the partition was reached since the last
    /// [`end_position`](Self::end_position).
    pub(crate) fn is_at_end(&self) -> bool {
        self.is_at_end && !self.is_halted
    }

    /// Takes the consumer's position at the end of the partition. Returns it if it is behind offsets that were
    /// not delivered.
    ///
    /// librdkafka's position follows the records and the control records that [`pull`](Self::pull) has taken
    /// from the queue (`rd_kafka_op_handle_std` in `rdkafka_op.c`), and is not valid after an assignment. So
    /// every record before it has been taken.
    pub(crate) fn end_position(&mut self, position: Offset) -> Option<i64> {
        self.is_at_end = false;
        match position {
            Offset::Offset(position) if position > self.next => {
                self.next = position;
                Some(position)
            }
            _ => None,
        }
    }

    /// Returns whether the fetch has been silent for so long that it may have stalled.
    pub(crate) fn may_have_stalled(&self) -> bool {
        !self.is_halted && self.stall_timer.has_expired()
    }

    /// Stops the fetch, and starts it at the next record with the same generation: none is lost or repeated.
    ///
    /// # Errors
    /// librdkafka's errors.
    pub(crate) fn restart(self, consumer: &Arc<GroupConsumer>, shared: &Arc<SharedState>) -> Result<Fetch> {
        let start = match self.start {
            FetchStart::Beginning if self.next == 0 => FetchStart::Beginning,
            _ => FetchStart::Offset(self.next),
        };
        let (tp, generation, stall_timer) =
            (self.tp.clone(), self.generation, self.stall_timer.after_restart());
        self.stop(consumer)?;
        Fetch::start(consumer, shared, &tp, start, generation, stall_timer)
    }

    /// Stops the fetch and drops the records that were read ahead.
    pub(crate) fn stop(self, consumer: &GroupConsumer) -> Result<()> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.tp.topic, self.tp.partition);
        let result = consumer
            .incremental_unassign(&list)
            .map_err(|e| Error::from_kafka(&format!("stop the fetch of {}", self.tp), e));
        // One poll drops all outdated records; errors have no version and come out one by one.
        while self.queue.poll(Duration::ZERO).is_some() {}
        result
    }

    /// Takes at most one chunk of records from librdkafka's queue, without waiting.
    pub(crate) fn pull(&mut self, limits: &SubscriptionLimits) -> PullResult {
        let (mut records, mut bytes) = (Vec::new(), 0);
        while !self.is_halted && records.len() < limits.chunk_records && bytes < limits.chunk_bytes {
            match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) if message.offset() < self.next => {
                    let message = format!(
                        "{}: librdkafka returned offset {} where {} or a later one is next",
                        self.tp,
                        message.offset(),
                        self.next
                    );
                    self.is_halted = true;
                    return PullResult::Failed(records, Error::new(ErrorKind::Bug, message));
                }
                Some(Ok(message)) => {
                    self.next = message.offset() + 1;
                    let record = Record::from_borrowed(&self.tp.topic, &message);
                    bytes += record.size();
                    records.push(record);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.is_at_end = true,
                Some(Err(error)) => {
                    self.is_halted = true;
                    let operation = format!("read {} at offset {} or later", self.tp, self.next);
                    return PullResult::Failed(records, Error::from_kafka(&operation, error));
                }
            }
        }
        if records.is_empty() {
            return PullResult::Empty;
        }
        self.stall_timer = StallTimer::new(limits.stall_timeout);
        PullResult::Records(records)
    }
}
