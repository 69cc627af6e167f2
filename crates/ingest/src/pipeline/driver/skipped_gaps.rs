//! Counts the offsets that `on_gap = "skip"` has skipped.

use std::collections::BTreeMap;

use spanbridge_protocol::ingest::{Gap, Offset, Partition};

/// The gaps that the worker is about to skip.
#[derive(Default)]
pub(super) struct SkippedGaps {
    pending: BTreeMap<Partition, Gap>,
}

impl SkippedGaps {
    /// Notes that the worker commits a move over a gap.
    pub(super) fn start(&mut self, partition: &Partition, gap: Gap) {
        self.pending.insert(partition.clone(), gap);
    }

    /// Observes a stored position. Returns the number of skipped offsets if it is the position behind a gap.
    pub(super) fn observe(&mut self, partition: &Partition, position: Offset) -> Option<u64> {
        let gap = self.pending.remove(partition).filter(|gap| gap.to == position)?;
        // No offset is skipped if the position has moved back.
        Some(u64::try_from(gap.to - gap.from).unwrap_or(0))
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.pending.remove(partition);
    }
}

#[cfg(test)]
mod tests {
    use spanbridge_protocol::ingest::GapKind;

    use super::*;

    #[test]
    fn gap_counts_once_when_the_position_has_moved_over_it() {
        let (mut gaps, p) = (SkippedGaps::default(), Partition { topic: "t".into(), number: 0 });
        assert_eq!(gaps.observe(&p, 9), None);
        let expired = Gap { kind: GapKind::Expired, from: 9, to: 20 };
        gaps.start(&p, expired);
        assert_eq!(gaps.observe(&p, 9), None, "the commit has failed");
        gaps.start(&p, expired);
        assert_eq!(gaps.observe(&p, 20), Some(11));
        assert_eq!(gaps.observe(&p, 20), None);
        gaps.start(&p, Gap { kind: GapKind::Replaced, from: 20, to: 0 });
        assert_eq!(gaps.observe(&p, 0), Some(0), "the log was created anew");
    }
}
