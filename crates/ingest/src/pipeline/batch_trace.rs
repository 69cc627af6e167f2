//! The trace of one batch.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_telemetry::trace::{self, RemoteContext, ingest};
use tracing::Span;

use super::kafka_payload::traceparent;

/// The trace of a batch from its first poll to its commit. A record that a later batch applies remains in the trace in
/// which it was polled.
pub(super) struct BatchTrace {
    pipeline: String,
    root: Span,
    /// The spans of producers that the trace links to.
    linked: BTreeSet<String>,
    /// The first sampled trace of a producer, and a span in it. The commit's tag carries it into change streams.
    propagated: Option<(RemoteContext, Span)>,
    records: i64,
}

impl BatchTrace {
    pub(super) fn new(pipeline: &str, group: &str, since: SystemTime) -> Self {
        let root = ingest::batch(pipeline, group);
        trace::start_at(&root, since);
        let pipeline = pipeline.to_owned();
        Self { pipeline, root, linked: BTreeSet::new(), propagated: None, records: 0 }
    }

    /// Adds polled records of one partition. `since` is the time at which the wait for them started.
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
                if self.propagated.is_none() && context.is_sampled() {
                    let span = ingest::apply(&self.pipeline, &context);
                    self.propagated = Some((context, span));
                }
            }
        }
        let poll = ingest::poll(&self.root);
        trace::start_at(&poll, since);
        poll.record("messaging.destination.name", &*first.topic);
        poll.record("messaging.batch.message_count", count);
    }

    /// Returns the trace context for the commit's tag: that of a producer. Without tracing in this process it is passed on
    /// unchanged.
    pub(super) fn context(&self) -> Option<[u8; 24]> {
        let (producer, span) = self.propagated.as_ref()?;
        Some(trace::context(span).as_ref().unwrap_or(producer).to_bytes())
    }

    /// Returns the span in which records are decoded.
    pub(super) fn decode(&self) -> Span {
        ingest::decode(&self.root)
    }

    /// Records that the batch has been folded into a number of rows. `since` is the time at which that started.
    pub(super) fn folded(&self, since: Instant, rows: usize) {
        let fold = ingest::fold(&self.root);
        let now = SystemTime::now();
        trace::start_at(&fold, now.checked_sub(since.elapsed()).unwrap_or(now));
        fold.record("spanbridge.rows", i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// Returns the span of the commit.
    pub(super) fn commit(&self, database: &str, mutations: usize) -> Span {
        let commit = ingest::commit(&self.root, database);
        commit.record("db.operation.batch.size", i64::try_from(mutations).unwrap_or(i64::MAX));
        commit
    }

    /// Ends the trace.
    pub(super) fn end(self, outcome: &'static str, dead_letters: usize) {
        self.root.record("messaging.batch.message_count", self.records);
        self.root.record("spanbridge.outcome", outcome);
        self.root.record("spanbridge.dead_letters", i64::try_from(dead_letters).unwrap_or(i64::MAX));
    }
}
