//! How many records go into one commit: what the file says, or less where Spanner's limits ask for less.

/// See the module. Learns from each commit's number of mutations and from each refusal for its size.
#[derive(Debug)]
pub(super) struct BatchLimits {
    /// The file's.
    most: usize,
    /// Mutations of one commit that are aimed at.
    mutations: u64,
    /// Halved by a refusal, grown by commits that were full.
    limit: usize,
    /// By the mutations a record of late, in thousandths.
    per_record: Option<u64>,
}

/// Weight of what was known before, against one new commit.
const INERTIA: u64 = 3;
const THOUSAND: u64 = 1000;

impl BatchLimits {
    pub(super) fn new(most: usize, mutations: u64) -> Self {
        assert!(most > 0 && mutations > 0, "a batch holds something");
        Self { most, mutations, limit: most, per_record: None }
    }

    pub(super) fn limit(&self) -> usize {
        let by_mutations = self.per_record.map_or(usize::MAX, |per_record| {
            let records = self.mutations.saturating_mul(THOUSAND) / per_record.max(1);
            usize::try_from(records).unwrap_or(usize::MAX)
        });
        self.limit.min(by_mutations).max(1)
    }

    pub(super) fn committed(&mut self, records: usize, mutations: Option<u64>) {
        if records >= self.limit {
            self.limit = (self.limit + self.limit / 4 + 1).min(self.most);
        }
        if let (Some(mutations), Ok(records @ 1..)) = (mutations, u64::try_from(records)) {
            let now = mutations.saturating_mul(THOUSAND) / records;
            let before = self.per_record.unwrap_or(now);
            self.per_record = Some((before.saturating_mul(INERTIA) + now) / (INERTIA + 1));
        }
    }

    pub(super) fn too_large(&mut self, records: usize) {
        self.limit = (records / 2).clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_stays_below_the_mutations_that_it_costs() {
        let mut pace = BatchLimits::new(1000, 80_000);
        assert_eq!(pace.limit(), 1000);
        pace.committed(10, Some(5000));
        assert_eq!(pace.limit(), 160);
        for _ in 0..50 {
            pace.committed(10, Some(50));
        }
        assert_eq!(pace.limit(), 1000);
    }

    #[test]
    fn a_refusal_halves_and_full_commits_grow_again() {
        let mut pace = BatchLimits::new(1000, 80_000);
        pace.too_large(1000);
        pace.too_large(1);
        assert_eq!(pace.limit(), 1);
        pace.committed(0, None);
        assert_eq!(pace.limit(), 1);
        for _ in 0..60 {
            pace.committed(pace.limit(), None);
        }
        assert_eq!(pace.limit(), 1000);
    }
}
