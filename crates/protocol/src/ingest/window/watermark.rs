//! The watermark of a pipeline: the event time that all its partitions have reached.

use std::time::Duration;

use crate::ingest::position::{LogRange, Position};
use crate::value::Timestamp;

/// The progress of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionProgress {
    /// The stored position.
    pub position: Position,
    /// The time since the last commit of the position.
    pub since_last_commit: Duration,
    /// The offsets that the log contains. Required only if the position has not moved for the idle time.
    pub log: Option<LogRange>,
}

impl PartitionProgress {
    /// Returns whether the position has not moved for the idle time and no record waits.
    fn is_idle(&self, idle: Duration) -> bool {
        self.since_last_commit >= idle && self.log.is_some_and(|log| self.position.next >= log.end)
    }
}

/// Returns the earliest stream time of the partitions that are not idle. If all are idle, returns the latest
/// stream time, because no record waits.
///
/// Returns `None` while a partition that is not idle has no stream time.
pub fn compute_watermark(partitions: &[PartitionProgress], idle: Duration) -> Option<Timestamp> {
    let (idle_partitions, moving): (Vec<&PartitionProgress>, Vec<&PartitionProgress>) =
        partitions.iter().partition(|partition| partition.is_idle(idle));
    if moving.is_empty() {
        return idle_partitions.into_iter().filter_map(|partition| partition.position.event_time).max();
    }
    let times: Option<Vec<Timestamp>> =
        moving.into_iter().map(|partition| partition.position.event_time).collect();
    times?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    /// Returns a partition that is `behind` records away from the end of its log.
    fn partition(event_time: Option<i64>, since_last_commit: u64, behind: i64) -> PartitionProgress {
        PartitionProgress {
            position: Position { next: 7, revision: 0, event_time: event_time.map(at), last_record: None },
            since_last_commit: Duration::from_secs(since_last_commit),
            log: Some(LogRange { start: 0, end: 7 + behind }),
        }
    }

    #[test]
    fn watermark_is_the_stream_time_of_the_slowest_partition() {
        let partitions = [partition(Some(30), 0, 0), partition(Some(10), 59, 0), partition(Some(20), 0, 5)];
        assert_eq!(compute_watermark(&partitions, IDLE), Some(at(10)));
        assert_eq!(compute_watermark(&[], IDLE), None);
    }

    #[test]
    fn idle_partition_does_not_hold_the_watermark_back() {
        let moving = partition(Some(30), 0, 0);
        assert_eq!(compute_watermark(&[moving, partition(Some(10), 60, 0)], IDLE), Some(at(30)));
        assert_eq!(compute_watermark(&[moving, partition(None, 60, 0)], IDLE), Some(at(30)));
    }

    #[test]
    fn partition_with_waiting_records_is_never_idle() {
        let moving = partition(Some(30), 0, 0);
        assert_eq!(compute_watermark(&[moving, partition(Some(10), 600, 1)], IDLE), Some(at(10)));
        let unknown = PartitionProgress { log: None, ..partition(Some(10), 600, 0) };
        assert_eq!(compute_watermark(&[moving, unknown], IDLE), Some(at(10)));
    }

    #[test]
    fn partition_without_a_stream_time_prevents_a_watermark() {
        assert_eq!(compute_watermark(&[partition(Some(30), 0, 0), partition(None, 0, 0)], IDLE), None);
        assert_eq!(compute_watermark(&[partition(None, 60, 0)], IDLE), None);
    }

    #[test]
    fn idle_partitions_close_the_last_windows() {
        let partitions = [partition(Some(30), 60, 0), partition(Some(10), 61, 0), partition(None, 62, 0)];
        assert_eq!(compute_watermark(&partitions, IDLE), Some(at(30)));
    }
}
