//! The partitions that a read has not completed.
//!
//! An end-of-partition event alone does not complete a partition. A new leader may lag behind the end that the previous
//! one has reported, and its event then comes before records that exist. So the position must have reached the end.
//!
//! The consumer's position follows records and control records only. It stays before the end if the log ends there with
//! a batch that compaction has emptied. librdkafka's statistics have the offset of the last event, which counts such
//! batches (`eof_offset`, <https://github.com/confluentinc/librdkafka/blob/v2.12.1/STATISTICS.md>). What precedes the
//! event may still wait in the queue, so the partition is complete when the queue has been empty after that.

use std::collections::BTreeMap;

use super::OffsetRange;

/// The partitions that are not read up to the end of their range.
#[derive(Debug)]
pub(super) struct UnfinishedPartitions(BTreeMap<i32, Unfinished>);

#[derive(Debug)]
struct Unfinished {
    end: i64,
    /// True if the event of an end at or past the range's end has been put into the queue.
    is_end_queued: bool,
}

impl UnfinishedPartitions {
    pub(super) fn new(ranges: &[OffsetRange]) -> Self {
        let unfinished = |range: &OffsetRange| Unfinished { end: range.end, is_end_queued: false };
        Self(ranges.iter().map(|range| (range.tp.partition, unfinished(range))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The end of an unfinished partition.
    pub(super) fn end(&self, partition: i32) -> Option<i64> {
        self.0.get(&partition).map(|of| of.end)
    }

    /// Notes that the record at an offset was taken from the queue.
    pub(super) fn record(&mut self, partition: i32, offset: i64) {
        self.reach(partition, offset + 1);
    }

    /// Notes that an end-of-partition event was taken from the queue. `position` is the consumer's position.
    pub(super) fn end_of_partition(&mut self, partition: i32, position: Option<i64>) {
        if let Some(position) = position {
            self.reach(partition, position);
        }
    }

    fn reach(&mut self, partition: i32, position: i64) {
        if self.end(partition).is_some_and(|end| position >= end) {
            self.0.remove(&partition);
        }
    }

    /// Notes that the event of the end at an offset was put into the queue.
    pub(super) fn end_signalled(&mut self, partition: i32, offset: i64) {
        if let Some(unfinished) = self.0.get_mut(&partition) {
            unfinished.is_end_queued |= offset >= unfinished.end;
        }
    }

    /// Notes that the queue is empty.
    pub(super) fn queue_is_empty(&mut self) {
        self.0.retain(|_, unfinished| !unfinished.is_end_queued);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicPartition;

    fn partition_up_to(end: i64) -> UnfinishedPartitions {
        UnfinishedPartitions::new(&[OffsetRange { tp: TopicPartition::new("t", 0), start: 3, end }])
    }

    #[test]
    fn record_before_the_end_completes_the_partition() {
        let mut unfinished = partition_up_to(10);
        unfinished.record(0, 8);
        assert!(!unfinished.is_empty());
        unfinished.record(0, 9);
        assert!(unfinished.is_empty());
    }

    #[test]
    fn position_past_control_records_completes_the_partition() {
        let mut unfinished = partition_up_to(10);
        unfinished.record(0, 8);
        unfinished.end_of_partition(0, Some(10));
        assert!(unfinished.is_empty());
    }

    #[test]
    fn early_end_does_not_complete_the_partition() {
        let mut unfinished = partition_up_to(10);
        unfinished.end_of_partition(0, None);
        unfinished.end_of_partition(0, Some(9));
        unfinished.end_signalled(0, 9);
        unfinished.queue_is_empty();
        assert_eq!(unfinished.end(0), Some(10));
        // A record that comes after all completes it.
        unfinished.record(0, 12);
        assert!(unfinished.is_empty());
    }

    #[test]
    fn empty_batch_at_the_end_completes_the_partition_once_the_queue_is_empty() {
        let mut unfinished = partition_up_to(10);
        unfinished.end_signalled(0, 10);
        unfinished.record(0, 7);
        assert!(!unfinished.is_empty(), "the record at 8 may wait in the queue");
        unfinished.record(0, 8);
        unfinished.end_of_partition(0, Some(9));
        unfinished.queue_is_empty();
        assert!(unfinished.is_empty());
    }
}
