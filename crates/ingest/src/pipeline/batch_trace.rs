//! The trace of the batch that is being collected.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_telemetry::trace::{self, ingest};
use tracing::Span;

use super::source::traceparent;

/// From the first poll to the commit. Records that are left over for a later batch stay with the
/// trace that they were polled in.
pub(super) struct BatchTrace {
    root: Span,
    linked: BTreeSet<String>,
    records: i64,
}

impl BatchTrace {
    pub(super) fn new(pipeline: &str, group: &str, since: SystemTime) -> Self {
        let root = ingest::batch(pipeline, group);
        trace::start_at(&root, since);
        Self { root, linked: BTreeSet::new(), records: 0 }
    }

    /// Records of one partition have come, after waiting since then.
    pub(super) fn polled(&mut self, records: &[Record], since: SystemTime) {
        let Some(first) = records.first() else { return };
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        if self.records == 0 {
            self.root.record("messaging.destination.name", &*first.topic);
            self.root.record("messaging.destination.partition.id", first.partition.to_string());
            self.root.record("messaging.kafka.offset", first.offset);
        }
        self.records += count;
        for record in records {
            if self.linked.len() >= usize::try_from(trace::MAX_LINKS).unwrap_or(usize::MAX) {
                break;
            }
            if let Some(context) = traceparent(record)
                && self.linked.insert(context.span_id())
            {
                trace::link(&self.root, &context);
            }
        }
        let poll = ingest::poll(&self.root);
        trace::start_at(&poll, since);
        poll.record("messaging.destination.name", &*first.topic);
        poll.record("messaging.batch.message_count", count);
    }

    pub(super) fn decode(&self) -> Span {
        ingest::decode(&self.root)
    }

    /// The batch has been folded, since then, into that many rows.
    pub(super) fn folded(&self, since: Instant, rows: usize) {
        let fold = ingest::fold(&self.root);
        let now = SystemTime::now();
        trace::start_at(&fold, now.checked_sub(since.elapsed()).unwrap_or(now));
        fold.record("spanbridge.rows", i64::try_from(rows).unwrap_or(i64::MAX));
    }

    pub(super) fn commit(&self, database: &str, mutations: usize) -> Span {
        let commit = ingest::commit(&self.root, database);
        commit.record("db.operation.batch.size", i64::try_from(mutations).unwrap_or(i64::MAX));
        commit
    }

    pub(super) fn end(self, outcome: &'static str, letters: usize) {
        self.root.record("messaging.batch.message_count", self.records);
        self.root.record("spanbridge.outcome", outcome);
        self.root.record("spanbridge.dead_letters", i64::try_from(letters).unwrap_or(i64::MAX));
    }
}
