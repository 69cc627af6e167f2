//! The trace of the batch that is being collected.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_telemetry::trace::{self, RemoteContext, ingest};
use tracing::Span;

use super::source::traceparent;

/// From the first poll to the commit. Records that are left over for a later batch stay with the
/// trace that they were polled in.
pub(super) struct BatchTrace {
    pipeline: String,
    root: Span,
    linked: BTreeSet<String>,
    /// The first sampled trace of a producer, and a span in it: it goes on in the change streams of what is committed.
    carried: Option<(RemoteContext, Span)>,
    records: i64,
}

impl BatchTrace {
    pub(super) fn new(pipeline: &str, group: &str, since: SystemTime) -> Self {
        let root = ingest::batch(pipeline, group);
        trace::start_at(&root, since);
        let pipeline = pipeline.to_owned();
        Self { pipeline, root, linked: BTreeSet::new(), carried: None, records: 0 }
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
                if self.carried.is_none() && context.is_sampled() {
                    let span = ingest::apply(&self.pipeline, &context);
                    self.carried = Some((context, span));
                }
            }
        }
        let poll = ingest::poll(&self.root);
        trace::start_at(&poll, since);
        poll.record("messaging.destination.name", &*first.topic);
        poll.record("messaging.batch.message_count", count);
    }

    /// The trace for the commit's tag: one of those that its records came with. Without tracing of our own it is passed on
    /// as it came.
    pub(super) fn carried(&self) -> Option<[u8; 24]> {
        let (producer, span) = self.carried.as_ref()?;
        Some(trace::context(span).as_ref().unwrap_or(producer).to_bytes())
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
