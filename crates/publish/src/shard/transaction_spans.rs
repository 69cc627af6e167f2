//! The trace spans of a Kafka transaction.

use std::collections::BTreeMap;
use std::time::SystemTime;

use spanbridge_telemetry::trace::{self, RemoteContext};
use tracing::Span;

use super::outgoing_message::{MessageOrigin, OutgoingMessage};
use crate::pipeline::Pipeline;

/// The spans of a transaction that holds data. They end when this is dropped.
pub(super) struct TransactionSpans {
    root: Span,
    send: Span,
    commit: Span,
}

impl TransactionSpans {
    /// Starts the spans; `None` when the transaction holds no data.
    pub(super) fn start(
        pipeline: &Pipeline,
        shard: u32,
        data: &[OutgoingMessage],
        sent: SystemTime,
    ) -> Option<Self> {
        let origins = || data.iter().filter_map(|outgoing| outgoing.origin.as_ref());
        let first = origins().map(|origin| origin.read).min()?;
        let last = origins().map(|origin| origin.read).max()?;
        let transformed = origins().map(|origin| origin.transformed).max()?;
        let root = trace::publish::batch(pipeline.name(), shard);
        trace::start_at(&root, first);
        let count = i64::try_from(data.len()).unwrap_or(i64::MAX);
        root.record("messaging.batch.message_count", count);
        if let Some(topic) = data.first().map(|outgoing| &outgoing.message.topic)
            && data.iter().all(|outgoing| outgoing.message.topic == *topic)
        {
            root.record("messaging.destination.name", &**topic);
        }
        let read = trace::publish::read(&root, &pipeline.database.name().to_string());
        trace::start_at(&read, first);
        trace::end_at(&read, last);
        // Changes are transformed as they arrive, so this span overlaps with `read`.
        let transform = trace::publish::transform(&root);
        trace::start_at(&transform, first);
        trace::end_at(&transform, transformed);
        let send = trace::publish::send(&root);
        trace::start_at(&send, sent);
        send.record("messaging.batch.message_count", count);
        let commit = trace::publish::commit(&root);
        trace::start_at(&commit, sent);
        Some(Self { root, send, commit })
    }

    /// The `traceparent` header of messages whose Spanner transaction has no trace.
    pub(super) fn traceparent(&self) -> Option<String> {
        trace::traceparent(&self.root)
    }

    /// Records the outcome.
    pub(super) fn succeed(&self, outcome: &'static str) {
        self.root.record("spanbridge.outcome", outcome);
    }

    /// Records the outcome and marks the spans as failed with the error's code.
    pub(super) fn fail(&self, outcome: &'static str, code: &'static str) {
        trace::fail(&self.send, code);
        trace::fail(&self.commit, code);
        trace::fail(&self.root, code);
        self.root.record("spanbridge.outcome", outcome);
    }
}

/// A span in the trace of each Spanner transaction that the Kafka transaction publishes, as many as one span may link
/// to. They end when this is dropped.
pub(super) struct WriterTraces(BTreeMap<[u8; 24], Span>);

impl WriterTraces {
    pub(super) fn start(
        pipeline: &Pipeline,
        data: &[OutgoingMessage],
        spans: Option<&TransactionSpans>,
    ) -> Self {
        let mut traces = BTreeMap::new();
        let origins = data.iter().filter_map(|outgoing| outgoing.origin.as_ref());
        for (bytes, read) in origins.filter_map(|origin| Some((origin.trace?, origin.read))) {
            if traces.len() >= usize::try_from(trace::MAX_LINKS).unwrap_or(usize::MAX) {
                break;
            }
            if traces.contains_key(&bytes) {
                continue;
            }
            let Some(writer) = RemoteContext::from_bytes(bytes) else { continue };
            let span = trace::publish::transaction(pipeline.name(), &writer);
            trace::start_at(&span, read);
            if let Some(spans) = spans {
                trace::link(&spans.root, &writer);
            }
            traces.insert(bytes, span);
        }
        Self(traces)
    }

    /// The `traceparent` header of a message. When this process does not trace, the writer's own is passed on.
    pub(super) fn traceparent(&self, origin: &MessageOrigin) -> Option<String> {
        let bytes = origin.trace?;
        let own = self.0.get(&bytes).and_then(trace::traceparent);
        own.or_else(|| RemoteContext::from_bytes(bytes).map(|context| context.traceparent()))
    }
}
