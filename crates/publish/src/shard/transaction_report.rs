//! One Kafka transaction in the terms of its client, and the metrics and spans to complete when it has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use spanbridge_kafka::CommitReport;
use spanbridge_protocol::publish::KafkaTransaction;
use spanbridge_protocol::value::Timestamp;
use spanbridge_telemetry::trace;

use super::outgoing_message::{MessageOrigin, OutgoingMessage};
use super::state;
use super::transaction_spans::{TransactionSpans, WriterTraces};
use crate::Error;
use crate::memory_budget::Reservation;
use crate::metrics::{PipelineMetrics, TransactionOutcome};
use crate::pipeline::Pipeline;

/// The figures of one Kafka transaction, reported when it has ended.
pub(super) struct TransactionReport {
    records: usize,
    /// The data records of each table.
    tables: BTreeMap<Arc<str>, u64>,
    dead_letters: u64,
    /// Commit timestamps with the number of messages of each.
    commits: Vec<(Timestamp, usize)>,
    spans: Option<TransactionSpans>,
    traces: WriterTraces,
    sent: SystemTime,
    /// The memory of the messages, released with the report.
    reservations: Vec<Reservation>,
}

impl TransactionReport {
    /// Converts the state machine's transaction to the client's, and adds trace headers.
    ///
    /// # Errors
    /// A state record that has no JSON, which is a bug.
    pub(super) fn new(
        pipeline: &Pipeline,
        shard: u32,
        transaction: KafkaTransaction<OutgoingMessage>,
    ) -> Result<(spanbridge_kafka::Transaction, Self), Error> {
        let sent = SystemTime::now();
        let spans = TransactionSpans::start(pipeline, shard, &transaction.data, sent);
        let own = spans.as_ref().and_then(TransactionSpans::traceparent);
        let mut report = Self {
            records: transaction.data.len(),
            tables: BTreeMap::new(),
            dead_letters: 0,
            commits: Vec::new(),
            traces: WriterTraces::start(pipeline, &transaction.data, spans.as_ref()),
            spans,
            sent,
            reservations: Vec::new(),
        };
        let mut data = Vec::with_capacity(transaction.data.len());
        for OutgoingMessage { mut message, origin, reservation } in transaction.data {
            let traceparent = origin.as_ref().and_then(|origin| report.traces.traceparent(origin));
            if let Some(traceparent) = traceparent.or_else(|| own.clone()) {
                message.headers.push((trace::TRACEPARENT_HEADER.to_owned(), Some(traceparent.into_bytes())));
            }
            if let Some(origin) = origin {
                report.count(origin);
            }
            report.reservations.extend(reservation);
            data.push(message);
        }
        let state = transaction
            .state
            .iter()
            .map(|record| state::encode(pipeline.name(), &pipeline.state_topic, record));
        Ok((spanbridge_kafka::Transaction { data, state: state.collect::<Result<_, _>>()? }, report))
    }

    fn count(&mut self, MessageOrigin { table, commit, is_dead_letter, .. }: MessageOrigin) {
        match is_dead_letter {
            true => self.dead_letters += 1,
            false => *self.tables.entry(table).or_default() += 1,
        }
        match (commit, self.commits.last_mut()) {
            (Some(commit), Some((last, count))) if *last == commit => *count += 1,
            (Some(commit), _) => self.commits.push((commit, 1)),
            (None, _) => {}
        }
    }

    /// Reports a transaction that is committed beyond doubt.
    pub(super) fn committed(self, metrics: &PipelineMetrics, committed: CommitReport) {
        let now = SystemTime::now();
        metrics.transaction(TransactionOutcome::Committed);
        metrics.transaction_seconds.record(committed.elapsed.as_secs_f64());
        for (table, records) in &self.tables {
            metrics.records(table, *records);
        }
        metrics.dead_letters.increment(self.dead_letters);
        for (commit, records) in self.commits {
            let latency = now.duration_since(commit.into()).unwrap_or_default();
            metrics.latency(latency, records);
        }
        if self.records > 0 {
            #[allow(clippy::cast_precision_loss)] // A histogram of sizes.
            metrics.transaction_records.record(self.records as f64);
        }
        if let Some(spans) = self.spans {
            spans.succeed(TransactionOutcome::Committed.as_str());
        }
    }

    /// Reports a transaction that failed, or whose outcome is unknown.
    pub(super) fn failed(self, metrics: &PipelineMetrics, outcome: TransactionOutcome, code: &'static str) {
        metrics.transaction(outcome);
        let elapsed = self.sent.elapsed().unwrap_or(Duration::ZERO);
        metrics.transaction_seconds.record(elapsed.as_secs_f64());
        if let Some(spans) = self.spans {
            spans.fail(outcome.as_str(), code);
        }
    }
}
