//! The number of records in a commit: the configured maximum, or less where Spanner's limits require it.
//!
//! The number is learned from the mutation count of each commit, and from each commit that was too large:
//! "Learned batch size" (docs/design/ingest-batches.md).

/// The learned limit of a batch.
#[derive(Debug)]
pub(super) struct BatchLimits {
    /// The configured maximum number of records.
    max_records: usize,
    /// The number of mutations that a commit stays below.
    max_mutations: u64,
    /// The number of records that Spanner accepts: halved by a commit that was too large, increased by
    /// full commits.
    accepted_records: usize,
    /// The moving average of mutations per record, in thousandths.
    mutations_per_record: Option<u64>,
}

/// The weight of the previous average against one new commit.
const AVERAGE_WEIGHT: u64 = 3;
/// The scale of the average.
const THOUSANDTHS: u64 = 1000;

impl BatchLimits {
    /// Creates limits that have learned nothing.
    ///
    /// # Panics
    /// If a limit is zero.
    pub(super) fn new(max_records: usize, max_mutations: u64) -> Self {
        assert!(max_records > 0 && max_mutations > 0, "a limit is positive");
        Self { max_records, max_mutations, accepted_records: max_records, mutations_per_record: None }
    }

    /// The maximum number of records of the next batch.
    pub(super) fn limit(&self) -> usize {
        let by_mutations = self.mutations_per_record.map_or(usize::MAX, |per_record| {
            let records = self.max_mutations.saturating_mul(THOUSANDTHS) / per_record.max(1);
            usize::try_from(records).unwrap_or(usize::MAX)
        });
        self.accepted_records.min(by_mutations).max(1)
    }

    /// Learns from a commit that was applied.
    pub(super) fn record_commit(&mut self, records: usize, mutations: Option<u64>) {
        if records >= self.accepted_records {
            let increased = self.accepted_records + self.accepted_records / 4 + 1;
            self.accepted_records = increased.min(self.max_records);
        }
        if let (Some(mutations), Ok(records @ 1..)) = (mutations, u64::try_from(records)) {
            let latest = mutations.saturating_mul(THOUSANDTHS) / records;
            let average = self.mutations_per_record.unwrap_or(latest);
            let average = (average.saturating_mul(AVERAGE_WEIGHT) + latest) / (AVERAGE_WEIGHT + 1);
            self.mutations_per_record = Some(average);
        }
    }

    /// Learns from a commit that was too large.
    pub(super) fn record_too_large(&mut self, records: usize) {
        self.accepted_records = (records / 2).clamp(1, self.max_records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expensive_records_make_batches_smaller() {
        let mut limits = BatchLimits::new(1000, 80_000);
        assert_eq!(limits.limit(), 1000);
        limits.record_commit(10, Some(5000));
        assert_eq!(limits.limit(), 160);
        for _ in 0..50 {
            limits.record_commit(10, Some(50));
        }
        assert_eq!(limits.limit(), 1000);
    }

    #[test]
    fn too_large_commits_halve_the_limit_and_full_ones_increase_it() {
        let mut limits = BatchLimits::new(1000, 80_000);
        limits.record_too_large(1000);
        limits.record_too_large(1);
        assert_eq!(limits.limit(), 1);
        limits.record_commit(0, None);
        assert_eq!(limits.limit(), 1);
        for _ in 0..60 {
            limits.record_commit(limits.limit(), None);
        }
        assert_eq!(limits.limit(), 1000);
    }
}
