use std::collections::BTreeMap;

use super::batch_trace::BatchTrace;

/// Aborted batches whose traces are kept; more than there are commits at a time.
const MOST: usize = 64;

/// The traces of batches that are not on their way: of the one that is collected, and of those that are to be tried again.
#[derive(Default)]
pub(super) struct BatchTraces {
    collecting: Option<BatchTrace>,
    /// By their first attempt.
    aborted: BTreeMap<u64, BatchTrace>,
}

impl BatchTraces {
    /// The trace of the batch that is collected, which `begin` begins.
    pub(super) fn collect(&mut self, begin: impl FnOnce() -> BatchTrace) -> &mut BatchTrace {
        self.collecting.get_or_insert_with(begin)
    }

    /// For the tag of what is begun in this attempt, or again.
    pub(super) fn carried(&self, first: u64) -> Option<[u8; 24]> {
        self.aborted.get(&first).or(self.collecting.as_ref())?.carried()
    }

    /// Goes with the commit of this attempt, or again.
    pub(super) fn take(&mut self, first: u64) -> Option<BatchTrace> {
        self.aborted.remove(&first).or_else(|| self.collecting.take())
    }

    /// The batch is to be tried again.
    pub(super) fn aborted(&mut self, first: u64, trace: BatchTrace, outcome: &'static str) {
        self.aborted.insert(first, trace);
        // Their partitions were taken away meanwhile, or they would have come again.
        while self.aborted.len() > MOST {
            if let Some((_, trace)) = self.aborted.pop_first() {
                trace.end(outcome, 0);
            }
        }
    }
}
