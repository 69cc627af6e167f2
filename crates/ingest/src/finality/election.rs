//! The election of the worker that marks final windows.
//!
//! The owner of the first partition marks. The partitions of a deleted topic keep their positions, but no worker owns
//! them, so the election passes over them: see "Final outside the batch" (docs/design/ingest-aggregates-and-windows.md).

use std::collections::BTreeMap;
use std::sync::Arc;

use spanbridge_protocol::ingest::Partition;

/// The number of partitions by topic, which is 0 for a deleted topic.
pub(super) type PartitionCounts = BTreeMap<Arc<str>, i32>;

/// The result of an election.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// This worker marks.
    Won,
    /// Another worker marks.
    Lost,
    /// The number of partitions of this topic decides.
    Undecided(Arc<str>),
}

impl Election {
    /// Elects the owner of the first of the partitions that exist. A partition that this worker owns exists.
    pub(super) fn among<'a>(
        partitions: impl IntoIterator<Item = &'a Partition>,
        owned: &[Partition],
        counts: &PartitionCounts,
    ) -> Self {
        for partition in partitions {
            if owned.contains(partition) {
                return Self::Won;
            }
            match counts.get(&partition.topic) {
                None => return Self::Undecided(partition.topic.clone()),
                Some(count) if partition.number < *count => return Self::Lost,
                Some(_) => {}
            }
        }
        Self::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_of_the_first_partition_that_exists_is_elected() {
        let partition = |topic: &str, number| Partition { topic: topic.into(), number };
        let all = [partition("gone", 0), partition("gone", 1), partition("t", 0), partition("t", 1)];
        let elect = |owned: &[Partition], counts: &[(&str, i32)]| {
            let counts = counts.iter().map(|(topic, count)| ((*topic).into(), *count)).collect();
            Election::among(&all, owned, &counts)
        };
        assert_eq!(elect(&all[..1], &[]), Election::Won, "no question is necessary");
        assert_eq!(elect(&all[2..3], &[]), Election::Undecided("gone".into()));
        assert_eq!(elect(&all[2..3], &[("gone", 0)]), Election::Won);
        assert_eq!(elect(&all[3..], &[("gone", 0)]), Election::Undecided("t".into()));
        assert_eq!(elect(&all[3..], &[("gone", 0), ("t", 2)]), Election::Lost);
        assert_eq!(elect(&all[2..3], &[("gone", 2)]), Election::Lost, "another worker owns it");
        assert_eq!(elect(&[], &[("gone", 0), ("t", 0)]), Election::Lost);
    }
}
