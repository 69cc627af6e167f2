//! The partitions that are confirmed at the end of their log.
//!
//! A log may end with markers of transactions or aborted records, which are never applied. A position in front of them is
//! at the end as well. That is confirmed by a read of the rest, because the position alone cannot show it.

use std::collections::{BTreeMap, BTreeSet};

use spanbridge_protocol::ingest::{Offset, Partition};

/// The number of reads at a time, each of which has a client.
const MAX_READS: usize = 4;

/// The questions about the ends of logs, and their answers.
#[derive(Default)]
pub(super) struct LogEnds {
    /// The partitions whose end is being read.
    asked: BTreeSet<Partition>,
    /// The position and end at the last answer, by partition.
    last: BTreeMap<Partition, (Offset, Offset)>,
    /// Positions without a record up to the end, by partition.
    confirmed: BTreeMap<Partition, (Offset, Offset)>,
    /// The partitions whose rest is being read.
    reads: BTreeSet<Partition>,
    /// The positions and ends of partitions whose rest is to be read next.
    waiting: BTreeMap<Partition, (Offset, Offset)>,
}

/// The conclusion from a position and the end of its log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextCheck {
    /// The position is at the end.
    AtEnd,
    /// The position has not moved since the last answer. The log may have no records from there to the end.
    ReadRest,
    /// The position may be on its way, or the read waits for its turn.
    Moving,
}

impl LogEnds {
    /// Notes that the end of a log is read. Returns false if an earlier read has no answer yet.
    pub(super) fn start(&mut self, partition: &Partition) -> bool {
        self.asked.insert(partition.clone())
    }

    /// Notes that the read has ended.
    pub(super) fn end(&mut self, partition: &Partition) {
        self.asked.remove(partition);
    }

    pub(super) fn check(&mut self, partition: &Partition, position: Offset, end: Offset) -> NextCheck {
        let at = (position, end);
        let last = self.last.insert(partition.clone(), at);
        if position >= end || self.confirmed.get(partition) == Some(&at) {
            return NextCheck::AtEnd;
        }
        if last != Some(at) || self.reads.contains(partition) {
            return NextCheck::Moving;
        }
        if self.reads.len() >= MAX_READS {
            self.waiting.insert(partition.clone(), at);
            return NextCheck::Moving;
        }
        self.reads.insert(partition.clone());
        NextCheck::ReadRest
    }

    /// Notes whether the log has records from the position to the end. Returns the partition to read next, with its
    /// position and end.
    pub(super) fn end_check(
        &mut self,
        partition: &Partition,
        position: Offset,
        end: Offset,
        has_records: Option<bool>,
    ) -> Option<(Partition, Offset, Offset)> {
        // An answer about a partition that is no longer owned is of no use.
        if self.reads.remove(partition) && has_records == Some(false) {
            self.confirmed.insert(partition.clone(), (position, end));
        }
        let (next, (position, end)) = self.waiting.pop_first()?;
        self.reads.insert(next.clone());
        Some((next, position, end))
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.asked.remove(partition);
        self.last.remove(partition);
        self.confirmed.remove(partition);
        self.reads.remove(partition);
        self.waiting.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> Partition {
        Partition { topic: "t".into(), number }
    }

    #[test]
    fn position_in_front_of_markers_is_at_the_end_after_a_read() {
        let (mut ends, p) = (LogEnds::default(), partition(0));
        assert_eq!(ends.check(&p, 5, 5), NextCheck::AtEnd);
        assert_eq!(ends.check(&p, 5, 6), NextCheck::Moving);
        assert_eq!(ends.check(&p, 5, 6), NextCheck::ReadRest);
        assert_eq!(ends.check(&p, 5, 6), NextCheck::Moving, "it is being read");
        ends.end_check(&p, 5, 6, Some(false));
        assert_eq!(ends.check(&p, 5, 6), NextCheck::AtEnd);
        assert_eq!(ends.check(&p, 5, 8), NextCheck::Moving, "the log has grown");
    }

    #[test]
    fn position_in_front_of_records_is_never_at_the_end() {
        let (mut ends, p) = (LogEnds::default(), partition(0));
        ends.check(&p, 5, 6);
        for has_records in [Some(true), None] {
            assert_eq!(ends.check(&p, 5, 6), NextCheck::ReadRest);
            ends.end_check(&p, 5, 6, has_records);
        }
        assert_eq!(ends.check(&p, 5, 6), NextCheck::ReadRest);
    }

    #[test]
    fn reads_are_bounded_and_follow_each_other() {
        let mut ends = LogEnds::default();
        let mut checks = || (0..6).map(|number| ends.check(&partition(number), 5, 6)).collect::<Vec<_>>();
        assert!(checks().iter().all(|check| *check == NextCheck::Moving));
        let reads = checks();
        assert!(reads[..4].iter().all(|check| *check == NextCheck::ReadRest), "{reads:?}");
        assert_eq!(reads[4..], [NextCheck::Moving, NextCheck::Moving]);
        assert_eq!(ends.end_check(&partition(0), 5, 6, Some(false)), Some((partition(4), 5, 6)));
        ends.forget(&partition(5));
        assert_eq!(ends.end_check(&partition(1), 5, 6, Some(false)), None);
        ends.forget(&partition(2));
        ends.end_check(&partition(2), 5, 6, Some(false));
        assert_eq!(
            ends.check(&partition(2), 5, 6),
            NextCheck::Moving,
            "the answer came after the revocation"
        );
    }

    #[test]
    fn one_question_per_partition_is_open() {
        let mut ends = LogEnds::default();
        assert!(ends.start(&partition(0)) && ends.start(&partition(1)));
        assert!(!ends.start(&partition(0)));
        ends.end(&partition(0));
        assert!(ends.start(&partition(0)));
    }
}
