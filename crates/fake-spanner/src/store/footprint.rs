//! The keys that a transaction reads and writes.

use std::collections::BTreeMap;

use crate::schema::TableId;
use crate::span::{Span, Spans};

/// The keys that a transaction reads, and those that it changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Footprint {
    reads: BTreeMap<TableId, Spans>,
    writes: BTreeMap<TableId, Spans>,
}

impl Footprint {
    pub(crate) fn read(&mut self, table: TableId, spans: impl IntoIterator<Item = Span>) {
        self.reads.entry(table).or_default().extend(spans);
    }

    /// Creates a footprint from unordered spans.
    pub(crate) fn new(
        reads: impl IntoIterator<Item = (TableId, Vec<Span>)>,
        writes: impl IntoIterator<Item = (TableId, Vec<Span>)>,
    ) -> Self {
        let set = |(table, spans): (TableId, Vec<Span>)| (table, spans.into_iter().collect());
        Self { reads: reads.into_iter().map(set).collect(), writes: writes.into_iter().map(set).collect() }
    }

    /// Adds the reads of another footprint.
    pub(crate) fn read_all_of(&mut self, other: &Self) {
        for (table, spans) in &other.reads {
            self.read(*table, spans.as_slice().iter().cloned());
        }
    }

    /// True if the order of the two matters.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        overlap(&self.writes, &other.writes)
            || overlap(&self.writes, &other.reads)
            || other.changes_reads_of(self)
    }

    /// True if this one changes a key that the other one reads.
    pub(crate) fn changes_reads_of(&self, other: &Self) -> bool {
        overlap(&self.writes, &other.reads)
    }
}

fn overlap(a: &BTreeMap<TableId, Spans>, b: &BTreeMap<TableId, Spans>) -> bool {
    a.iter().any(|(table, spans)| b.get(table).is_some_and(|other| spans.overlaps(other)))
}
