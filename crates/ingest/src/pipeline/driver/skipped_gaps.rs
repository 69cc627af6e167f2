//! Counts the offsets that `on_gap = "skip"` has skipped.

use std::collections::BTreeMap;

use spanbridge_protocol::ingest::{LogRange, Offset, OnGap, Partition};

/// The gaps that the worker is about to skip.
pub(super) struct SkippedGaps {
    on_gap: OnGap,
    /// The position in front of a gap, and the position that the worker commits, by partition.
    pending: BTreeMap<Partition, (Offset, Offset)>,
}

impl SkippedGaps {
    pub(super) fn new(on_gap: OnGap) -> Self {
        Self { on_gap, pending: BTreeMap::new() }
    }

    /// Observes a stored position and the log that was read after it. Returns the number of skipped offsets if the
    /// position has moved over a gap that was observed before.
    pub(super) fn observe(&mut self, partition: &Partition, position: Offset, log: LogRange) -> Option<u64> {
        let skipped = self.pending.remove(partition).filter(|(_, to)| *to == position);
        if self.on_gap == OnGap::Skip && !log.contains(position) {
            self.pending.insert(partition.clone(), (position, log.start));
        }
        // A log that was created anew may start before the position: nothing of it is skipped.
        skipped.map(|(from, to)| u64::try_from(to - from).unwrap_or(0))
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.pending.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(start: Offset, end: Offset) -> LogRange {
        LogRange { start, end }
    }

    #[test]
    fn gap_counts_once_when_the_position_has_moved_over_it() {
        let (mut gaps, p) = (SkippedGaps::new(OnGap::Skip), Partition { topic: "t".into(), number: 0 });
        assert_eq!(gaps.observe(&p, 5, log(0, 9)), None);
        assert_eq!(gaps.observe(&p, 9, log(20, 30)), None, "observed, not skipped yet");
        assert_eq!(gaps.observe(&p, 9, log(20, 30)), None, "the commit has failed");
        assert_eq!(gaps.observe(&p, 20, log(20, 30)), Some(11));
        assert_eq!(gaps.observe(&p, 20, log(20, 30)), None);
        gaps.observe(&p, 20, log(0, 3));
        assert_eq!(gaps.observe(&p, 0, log(0, 3)), Some(0), "the log was created anew");
    }

    #[test]
    fn gap_that_stops_the_partition_is_not_skipped() {
        let (mut gaps, p) = (SkippedGaps::new(OnGap::Stop), Partition { topic: "t".into(), number: 0 });
        gaps.observe(&p, 9, log(20, 30));
        assert_eq!(gaps.observe(&p, 20, log(20, 30)), None);
    }
}
