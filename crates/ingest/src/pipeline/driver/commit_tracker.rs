use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Commit, Outcome, Partition};
use tracing::Span;

use super::super::batch_trace::BatchTrace;
use super::super::batch_traces::BatchTraces;
use super::super::metrics::{CommitSummary, PipelineMetrics};

/// The commits in flight, and the traces of all batches.
pub(super) struct CommitTracker {
    pipeline: String,
    group: String,
    database: String,
    traces: BatchTraces,
    /// The commits in flight, by attempt.
    in_flight: BTreeMap<u64, InFlight>,
    /// The time at which the current wait for records started.
    polling_since: SystemTime,
    /// The last time at which the worker received something that may complete a batch.
    folding_since: Instant,
}

/// A commit in flight.
struct InFlight {
    /// The first attempt of the same batch, which may be this one.
    first: u64,
    summary: CommitSummary,
    trace: Option<BatchTrace>,
}

impl CommitTracker {
    pub(super) fn new(pipeline: String, group: String, database: String) -> Self {
        Self {
            pipeline,
            group,
            database,
            traces: BatchTraces::default(),
            in_flight: BTreeMap::new(),
            polling_since: SystemTime::now(),
            folding_since: Instant::now(),
        }
    }

    /// Adds polled records to the trace of the current batch. Returns the span in which they are decoded.
    pub(super) fn polled(&mut self, records: &[Record]) -> Span {
        let since = self.polling_since;
        let trace = self.traces.collect(|| BatchTrace::new(&self.pipeline, &self.group, since));
        trace.polled(records, since);
        trace.decode()
    }

    pub(super) fn start_polling(&mut self) {
        self.polling_since = SystemTime::now();
    }

    pub(super) fn start_folding(&mut self) {
        self.folding_since = Instant::now();
    }

    /// Returns the trace context for the tag of a batch, by its first attempt.
    pub(super) fn trace_context(&self, first: u64) -> Option<[u8; 24]> {
        self.traces.context(first)
    }

    /// Records that a commit starts, and logs its dead letters. Returns its span and the trace context for its tag.
    pub(super) fn start(&mut self, commit: &Commit) -> (Span, Option<[u8; 24]>) {
        for (partition, offset, failure) in &commit.failures {
            let what = if commit.replay { "still a dead letter" } else { "dead letter" };
            tracing::warn!(
                pipeline = %self.pipeline, %partition, offset, code = %failure.code, message = %failure.message, "{what}"
            );
        }
        // A commit without records moves positions only. The trace of the current batch stays.
        let trace = if commit.records == 0 { None } else { self.traces.take(commit.first) };
        let summary = CommitSummary::new(commit);
        let context = trace.as_ref().and_then(BatchTrace::context);
        let span = trace.as_ref().map_or_else(Span::none, |trace| {
            trace.folded(self.folding_since, summary.rows());
            let rows = commit.mutations.iter().map(|mutation| mutation.rows.len()).sum();
            trace.commit(&self.database, rows)
        });
        self.in_flight.insert(commit.attempt, InFlight { first: commit.first, summary, trace });
        (span, context)
    }

    /// Records the outcome of a commit, and returns the partitions whose positions it has moved. The trace of an aborted
    /// batch continues with its next attempt.
    pub(super) fn end(
        &mut self,
        attempt: u64,
        outcome: &Outcome,
        took: Duration,
        metrics: &mut PipelineMetrics,
    ) -> Vec<Partition> {
        let Some(InFlight { first, summary, trace }) = self.in_flight.remove(&attempt) else {
            return Vec::new();
        };
        let name = metrics.commit_ended(&summary, outcome, took);
        match (trace, outcome) {
            (Some(trace), Outcome::Aborted) => self.traces.aborted(first, trace, name),
            (Some(trace), _) => trace.end(name, summary.dead_letters()),
            (None, _) => {}
        }
        match outcome {
            Outcome::Committed { .. } => summary.moves.into_iter().map(|step| step.partition).collect(),
            _ => Vec::new(),
        }
    }
}
