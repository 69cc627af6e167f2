use std::collections::BTreeMap;

use super::batch_trace::BatchTrace;

/// The maximum number of aborted batches whose traces are kept, more than there are commits in flight.
const MAX_ABORTED: usize = 64;

/// The traces of the batches without a commit in flight: the current batch, and aborted ones that are repeated.
#[derive(Default)]
pub(super) struct BatchTraces {
    /// The batch that is being collected.
    collecting: Option<BatchTrace>,
    /// The aborted batches by their first attempt.
    aborted: BTreeMap<u64, BatchTrace>,
}

impl BatchTraces {
    /// Returns the trace of the current batch. `begin` starts one if there is none.
    pub(super) fn collect(&mut self, begin: impl FnOnce() -> BatchTrace) -> &mut BatchTrace {
        self.collecting.get_or_insert_with(begin)
    }

    /// Returns the trace context for the tag of a batch, by its first attempt.
    pub(super) fn context(&self, first: u64) -> Option<[u8; 24]> {
        self.aborted.get(&first).or(self.collecting.as_ref())?.context()
    }

    /// Takes the trace of a batch for its commit, by its first attempt.
    pub(super) fn take(&mut self, first: u64) -> Option<BatchTrace> {
        self.aborted.remove(&first).or_else(|| self.collecting.take())
    }

    /// Keeps the trace of an aborted batch for its next attempt.
    pub(super) fn aborted(&mut self, first: u64, trace: BatchTrace, outcome: &'static str) {
        self.aborted.insert(first, trace);
        // The oldest batches lost their partitions, so that they are not repeated.
        while self.aborted.len() > MAX_ABORTED {
            if let Some((_, trace)) = self.aborted.pop_first() {
                trace.end(outcome, 0);
            }
        }
    }
}
