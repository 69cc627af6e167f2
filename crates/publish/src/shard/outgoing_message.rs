use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use spanbridge_kafka::{Committed, Message};
use spanbridge_protocol::publish::KafkaTransaction;
use spanbridge_protocol::value::Timestamp;
use spanbridge_telemetry::trace::{self, RemoteContext};
use tracing::Span;

use super::state;
use crate::Error;
use crate::memory_budget::Reservation;
use crate::metrics::{Outcome, PipelineMetrics};
use crate::pipeline::Pipeline;

/// A message on its way, with what is measured of it.
pub(super) struct OutgoingMessage {
    pub(super) message: Message,
    /// Of a change, not of what stands beside the data.
    pub(super) made_of: Option<MessageOrigin>,
    /// Of the memory of a change's messages, or of a page's, with the first of them.
    pub(super) share: Option<Reservation>,
}

impl OutgoingMessage {
    pub(super) fn new(message: Message, made_of: MessageOrigin) -> Self {
        Self { message, made_of: Some(made_of), share: None }
    }

    /// What stands beside the data.
    pub(super) fn aside(message: Message) -> Self {
        Self { message, made_of: None, share: None }
    }
}

/// What is measured of a change's message.
#[derive(Clone)]
pub(super) struct MessageOrigin {
    pub(super) table: Arc<str>,
    /// Nothing of a snapshot's row, which is older than its record by right.
    pub(super) commit: Option<Timestamp>,
    /// When its change was read, and when it had been made into messages.
    pub(super) read: SystemTime,
    pub(super) made: SystemTime,
    /// Of a change that has no fitting schema.
    pub(super) dead_letter: bool,
    /// Of its Spanner transaction.
    pub(super) trace: Option<[u8; 24]>,
}

/// What is to be told of one Kafka transaction when it has ended.
pub(super) struct TransactionReport {
    records: usize,
    tables: BTreeMap<Arc<str>, u64>,
    letters: u64,
    /// Commit timestamps with the number of messages of each.
    commits: Vec<(Timestamp, usize)>,
    spans: Option<Spans>,
    /// They end with the transaction.
    traces: Traces,
    sent: SystemTime,
    /// Of the memory of its messages.
    shares: Vec<Reservation>,
}

/// Spans of a transaction that holds data.
struct Spans {
    root: Span,
    send: Span,
    commit: Span,
}

/// The spans of a Kafka transaction in the traces of what it publishes: as many as a span may link to.
struct Traces(BTreeMap<[u8; 24], Span>);

impl Traces {
    fn new(pipeline: &Pipeline, data: &[OutgoingMessage], spans: Option<&Spans>) -> Self {
        let mut traces = BTreeMap::new();
        let made_of = data.iter().filter_map(|published| published.made_of.as_ref());
        for (bytes, read) in made_of.filter_map(|made_of| Some((made_of.trace?, made_of.read))) {
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

    /// Without tracing of our own, the trace is passed on as it came.
    fn traceparent(&self, made_of: &MessageOrigin) -> Option<String> {
        let bytes = made_of.trace?;
        let ours = self.0.get(&bytes).and_then(trace::traceparent);
        ours.or_else(|| RemoteContext::from_bytes(bytes).map(|context| context.traceparent()))
    }
}

impl TransactionReport {
    /// The Kafka transaction, and what to tell of it.
    pub(super) fn new(
        pipeline: &Pipeline,
        shard: u32,
        transaction: KafkaTransaction<OutgoingMessage>,
    ) -> Result<(spanbridge_kafka::Transaction, Self), Error> {
        let sent = SystemTime::now();
        let spans = Spans::new(pipeline, shard, &transaction.data, sent);
        let own = spans.as_ref().and_then(|spans| trace::traceparent(&spans.root));
        let mut batch = Self {
            records: transaction.data.len(),
            tables: BTreeMap::new(),
            letters: 0,
            commits: Vec::new(),
            traces: Traces::new(pipeline, &transaction.data, spans.as_ref()),
            spans,
            sent,
            shares: Vec::new(),
        };
        let mut data = Vec::with_capacity(transaction.data.len());
        for OutgoingMessage { mut message, made_of, share } in transaction.data {
            let traceparent = made_of.as_ref().and_then(|made_of| batch.traces.traceparent(made_of));
            if let Some(traceparent) = traceparent.or_else(|| own.clone()) {
                let header = (trace::HEADER.to_owned(), Some(traceparent.into_bytes()));
                message.headers.push(header);
            }
            if let Some(MessageOrigin { table, commit, dead_letter, .. }) = made_of {
                match dead_letter {
                    true => batch.letters += 1,
                    false => *batch.tables.entry(table).or_default() += 1,
                }
                match (commit, batch.commits.last_mut()) {
                    (Some(commit), Some((last, count))) if *last == commit => *count += 1,
                    (Some(commit), _) => batch.commits.push((commit, 1)),
                    (None, _) => {}
                }
            }
            batch.shares.extend(share);
            data.push(message);
        }
        let state = transaction
            .state
            .iter()
            .map(|record| state::encode(pipeline.name(), &pipeline.state_topic, record));
        Ok((spanbridge_kafka::Transaction { data, state: state.collect::<Result<_, _>>()? }, batch))
    }

    pub(super) fn committed(self, meter: &PipelineMetrics, committed: Committed) {
        let now = SystemTime::now();
        meter.transaction(Outcome::Committed);
        meter.transaction_seconds.record(committed.elapsed.as_secs_f64());
        for (table, records) in &self.tables {
            meter.records(table, *records);
        }
        meter.dead_letters.increment(self.letters);
        for (commit, records) in self.commits {
            let latency = now.duration_since(commit.into()).unwrap_or_default();
            meter.latency(latency, records);
        }
        if self.records > 0 {
            #[allow(clippy::cast_precision_loss)] // A histogram of sizes.
            meter.transaction_records.record(self.records as f64);
        }
        if let Some(spans) = self.spans {
            spans.root.record("spanbridge.outcome", Outcome::Committed.as_str());
        }
    }

    pub(super) fn failed(self, meter: &PipelineMetrics, outcome: Outcome, code: &'static str) {
        meter.transaction(outcome);
        let elapsed = self.sent.elapsed().unwrap_or(Duration::ZERO);
        meter.transaction_seconds.record(elapsed.as_secs_f64());
        if let Some(spans) = self.spans {
            trace::fail(&spans.send, code);
            trace::fail(&spans.commit, code);
            trace::fail(&spans.root, code);
            spans.root.record("spanbridge.outcome", outcome.as_str());
        }
    }
}

impl Spans {
    fn new(pipeline: &Pipeline, shard: u32, data: &[OutgoingMessage], sent: SystemTime) -> Option<Self> {
        let changes = || data.iter().filter_map(|published| published.made_of.as_ref());
        let first = changes().map(|change| change.read).min()?;
        let last = changes().map(|change| change.read).max()?;
        let made = changes().map(|change| change.made).max()?;
        let root = trace::publish::batch(pipeline.name(), shard);
        trace::start_at(&root, first);
        let count = i64::try_from(data.len()).unwrap_or(i64::MAX);
        root.record("messaging.batch.message_count", count);
        if let Some(topic) = data.first().map(|published| &published.message.topic)
            && data.iter().all(|published| published.message.topic == *topic)
        {
            root.record("messaging.destination.name", &**topic);
        }
        let read = trace::publish::read(&root, &pipeline.database.name().to_string());
        trace::start_at(&read, first);
        trace::end_at(&read, last);
        // Changes are transformed as they come, so that this span and `read` overlap.
        let transform = trace::publish::transform(&root);
        trace::start_at(&transform, first);
        trace::end_at(&transform, made);
        let send = trace::publish::send(&root);
        trace::start_at(&send, sent);
        send.record("messaging.batch.message_count", count);
        let commit = trace::publish::commit(&root);
        trace::start_at(&commit, sent);
        Some(Self { root, send, commit })
    }
}
