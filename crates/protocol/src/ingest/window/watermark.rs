//! How far event time has come in the whole pipeline.

use std::time::Duration;

use crate::ingest::position::{LogRange, Position};
use crate::value::Timestamp;

/// How far one partition has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionProgress {
    pub position: Position,
    /// Since the position's last commit.
    pub since_last_commit: Duration,
    /// What its log holds; needed of a partition only that has not moved for the idle time.
    pub log: Option<LogRange>,
}

impl PartitionProgress {
    /// Whether nothing has come for so long, and nothing waits.
    fn is_idle(&self, idle: Duration) -> bool {
        self.since_last_commit >= idle && self.log.is_some_and(|log| self.position.next >= log.end)
    }
}

/// The least event time that a partition has reached; one that is idle holds nobody back. When all are idle, the
/// greatest: nothing is behind it any more.
///
/// Nothing while a partition with records has not reached any event time.
pub fn compute_watermark(partitions: &[PartitionProgress], idle: Duration) -> Option<Timestamp> {
    let (still, moving): (Vec<&PartitionProgress>, Vec<&PartitionProgress>) =
        partitions.iter().partition(|partition| partition.is_idle(idle));
    if moving.is_empty() {
        return still.into_iter().filter_map(|partition| partition.position.event_time).max();
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

    /// A partition at the end of its log, or behind it.
    fn partition(event_time: Option<i64>, since_last_commit: u64, behind: i64) -> PartitionProgress {
        PartitionProgress {
            position: Position { next: 7, revision: 0, event_time: event_time.map(at) },
            since_last_commit: Duration::from_secs(since_last_commit),
            log: Some(LogRange { start: 0, end: 7 + behind }),
        }
    }

    #[test]
    fn the_slowest_partition_holds_the_watermark_back() {
        let partitions = [partition(Some(30), 0, 0), partition(Some(10), 59, 0), partition(Some(20), 0, 5)];
        assert_eq!(compute_watermark(&partitions, IDLE), Some(at(10)));
        assert_eq!(compute_watermark(&[], IDLE), None);
    }

    #[test]
    fn an_idle_partition_does_not() {
        let moving = partition(Some(30), 0, 0);
        assert_eq!(compute_watermark(&[moving, partition(Some(10), 60, 0)], IDLE), Some(at(30)));
        assert_eq!(compute_watermark(&[moving, partition(None, 60, 0)], IDLE), Some(at(30)));
    }

    #[test]
    fn one_that_has_records_waiting_is_not_idle_however_long_it_stands() {
        let moving = partition(Some(30), 0, 0);
        assert_eq!(compute_watermark(&[moving, partition(Some(10), 600, 1)], IDLE), Some(at(10)));
        let unknown = PartitionProgress { log: None, ..partition(Some(10), 600, 0) };
        assert_eq!(compute_watermark(&[moving, unknown], IDLE), Some(at(10)));
    }

    #[test]
    fn without_an_event_time_there_is_no_watermark() {
        assert_eq!(compute_watermark(&[partition(Some(30), 0, 0), partition(None, 0, 0)], IDLE), None);
        assert_eq!(compute_watermark(&[partition(None, 60, 0)], IDLE), None);
    }

    #[test]
    fn when_all_are_idle_the_last_windows_close_too() {
        let partitions = [partition(Some(30), 60, 0), partition(Some(10), 61, 0), partition(None, 62, 0)];
        assert_eq!(compute_watermark(&partitions, IDLE), Some(at(30)));
    }
}
