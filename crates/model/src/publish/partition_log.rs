//! The log of one partition, as its leader keeps it.

use super::{Epoch, Reply};

/// One entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Entry {
    /// A record of the change with this number.
    Record { epoch: Epoch, sequence: u8, change: u8 },
    /// The end of a transaction.
    Marker { epoch: Epoch, is_commit: bool },
}

/// The log of a partition that one transactional id writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct PartitionLog {
    entries: Vec<Entry>,
}

impl PartitionLog {
    /// Appends a record. `is_verified` returns whether the coordinator has an open transaction of this epoch
    /// with this partition; a leader asks at the first record of a transaction.
    pub(super) fn produce(
        &mut self,
        (epoch, sequence, change): (Epoch, u8, u8),
        is_verified: impl FnOnce() -> bool,
    ) -> Reply {
        let latest = self.entries.iter().map(|entry| match *entry {
            Entry::Record { epoch, .. } | Entry::Marker { epoch, .. } => epoch,
        });
        if latest.max().is_some_and(|latest| epoch < latest) {
            return Reply::Failed;
        }
        let expected = self.entries.iter().fold(0, |expected, entry| match *entry {
            Entry::Record { epoch: of, sequence, .. } if of == epoch => sequence + 1,
            _ => expected,
        });
        if sequence < expected {
            return Reply::Done;
        }
        let is_open = matches!(self.entries.last(), Some(Entry::Record { .. }));
        if sequence > expected || !(is_open || is_verified()) {
            return Reply::Failed;
        }
        self.entries.push(Entry::Record { epoch, sequence, change });
        Reply::Done
    }

    pub(super) fn write_marker(&mut self, epoch: Epoch, is_commit: bool) {
        self.entries.push(Entry::Marker { epoch, is_commit });
    }

    /// Returns the epoch and the change of each record that a reader with `isolation.level=read_committed`
    /// receives.
    pub(super) fn committed(&self) -> Vec<(Epoch, u8)> {
        let (mut committed, mut open) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            match *entry {
                Entry::Record { epoch, change, .. } => open.push((epoch, change)),
                Entry::Marker { is_commit: true, .. } => committed.append(&mut open),
                Entry::Marker { is_commit: false, .. } => open.clear(),
            }
        }
        committed
    }
}
