//! The metrics of one pipeline. Their meaning is defined in telemetry's table of metrics.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spanbridge_service::PipelineHealth;
use spanbridge_telemetry::metrics::{
    self, Counter, Gauge, GaugeSeries, Histogram, counter, gauge, histogram,
};

use crate::ErrorKind;
use crate::failure::Failure;
use crate::memory_budget::MemoryBudget;

/// The metrics of a pipeline with its label, and its health.
pub(crate) struct PipelineMetrics {
    pipeline: String,
    pub(crate) health: PipelineHealth,
    committed: Counter,
    aborted: Counter,
    fenced: Counter,
    in_doubt: Counter,
    pub(crate) transaction_seconds: Histogram,
    pub(crate) transaction_records: Histogram,
    latency: Histogram,
    fenced_shards: Counter,
    in_doubt_total: Counter,
    pub(crate) gaps: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) tokens_running: Gauge,
    pub(crate) tokens_waiting: Gauge,
    pub(crate) tokens_finished: Gauge,
    pub(crate) shards: Gauge,
    /// Exported while the worker owns a shard with a watermark.
    watermark_lag: Mutex<Option<GaugeSeries>>,
    pub(crate) snapshot_ranges: Gauge,
    /// The counter of each table's records.
    tables: Mutex<HashMap<Arc<str>, Counter>>,
}

/// How a Kafka transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionOutcome {
    Committed,
    Aborted,
    Fenced,
    InDoubt,
}

impl TransactionOutcome {
    pub(crate) fn of(error: &spanbridge_kafka::Error) -> Self {
        match error.kind() {
            spanbridge_kafka::ErrorKind::Fenced => Self::Fenced,
            spanbridge_kafka::ErrorKind::InDoubt => Self::InDoubt,
            // Not committed: the next init aborts it.
            _ => Self::Aborted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Fenced => "fenced",
            Self::InDoubt => "in_doubt",
        }
    }
}

impl PipelineMetrics {
    pub(crate) fn new(pipeline: &str, health: PipelineHealth) -> Self {
        let label = || pipeline.to_owned();
        let transactions = |outcome: TransactionOutcome| counter!(metrics::PUBLISH_TRANSACTIONS_TOTAL, "pipeline" => label(), "outcome" => outcome.as_str());
        let tokens =
            |state: &'static str| gauge!(metrics::PUBLISH_TOKENS, "pipeline" => label(), "state" => state);
        Self {
            committed: transactions(TransactionOutcome::Committed),
            aborted: transactions(TransactionOutcome::Aborted),
            fenced: transactions(TransactionOutcome::Fenced),
            in_doubt: transactions(TransactionOutcome::InDoubt),
            transaction_seconds: histogram!(metrics::PUBLISH_TRANSACTION_SECONDS, "pipeline" => label()),
            transaction_records: histogram!(metrics::PUBLISH_TRANSACTION_RECORDS, "pipeline" => label()),
            latency: histogram!(metrics::PUBLISH_LATENCY_SECONDS, "pipeline" => label()),
            fenced_shards: counter!(metrics::PUBLISH_FENCED_TOTAL, "pipeline" => label()),
            in_doubt_total: counter!(metrics::PUBLISH_IN_DOUBT_TOTAL, "pipeline" => label()),
            dead_letters: counter!(metrics::PUBLISH_DEAD_LETTERS_TOTAL, "pipeline" => label(), "code" => ErrorKind::Schema.code()),
            gaps: counter!(metrics::PUBLISH_GAPS_TOTAL, "pipeline" => label()),
            tokens_running: tokens("running"),
            tokens_waiting: tokens("waiting"),
            tokens_finished: tokens("finished"),
            shards: gauge!(metrics::PUBLISH_SHARDS, "pipeline" => label()),
            watermark_lag: Mutex::default(),
            snapshot_ranges: gauge!(metrics::PUBLISH_SNAPSHOT_RANGES, "pipeline" => label()),
            tables: Mutex::default(),
            health,
            pipeline: label(),
        }
    }

    /// Returns a measured memory budget. `state` is the metric's label, `limit` is in bytes.
    pub(crate) fn memory_budget(&self, state: &'static str, limit: usize) -> Arc<MemoryBudget> {
        let gauge =
            gauge!(metrics::PUBLISH_HELD_BYTES, "pipeline" => self.pipeline.clone(), "state" => state);
        Arc::new(MemoryBudget::new(limit, gauge))
    }

    /// Counts a Kafka transaction.
    pub(crate) fn transaction(&self, outcome: TransactionOutcome) {
        match outcome {
            TransactionOutcome::Committed => self.committed.increment(1),
            TransactionOutcome::Aborted => self.aborted.increment(1),
            TransactionOutcome::Fenced => self.fenced.increment(1),
            TransactionOutcome::InDoubt => {
                self.in_doubt.increment(1);
                self.in_doubt_total.increment(1);
            }
        }
    }

    /// Counts a shard that another worker has taken.
    pub(crate) fn shard_fenced(&self) {
        self.fenced_shards.increment(1);
    }

    /// Records the latency of messages of one commit timestamp.
    pub(crate) fn latency(&self, latency: Duration, records: usize) {
        self.latency.record_many(latency.as_secs_f64(), records);
    }

    /// Counts the published records of a table.
    pub(crate) fn records(&self, table: &Arc<str>, records: u64) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = tables.entry(table.clone()).or_insert_with(|| {
            counter!(
                metrics::PUBLISH_RECORDS_TOTAL,
                "pipeline" => self.pipeline.clone(),
                "table" => table.to_string()
            )
        });
        counter.increment(records);
    }

    /// Sets the lag of the watermark. Without a value, the series ends.
    pub(crate) fn set_watermark_lag(&self, lag: Option<Duration>) {
        let mut series = self.watermark_lag.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lag) = lag else {
            *series = None;
            return;
        };
        let new = || {
            GaugeSeries::new(metrics::PUBLISH_WATERMARK_LAG_SECONDS, &[("pipeline", self.pipeline.as_str())])
        };
        series.get_or_insert_with(new).set(lag.as_secs_f64());
    }

    /// Returns the number of log lines of this kind that were left out, or `None` if this one is to be left out: after
    /// one of the same kind, or because the outage of a part explains the failure and has its own line.
    pub(crate) fn next_line(&self, failure: &Failure, kind: &'static str) -> Option<u64> {
        if failure.part().is_some_and(|part| self.health.is_away(part)) {
            return None;
        }
        self.health.next_line(kind)
    }

    /// Counts an error of Kafka or Spanner by its code, and reports it to the health.
    pub(crate) fn failure(&self, failure: &Failure) {
        failure.report(&self.health);
        let name = match failure {
            Failure::Kafka(_) => metrics::KAFKA_ERRORS_TOTAL,
            Failure::Spanner(_) => metrics::SPANNER_ERRORS_TOTAL,
            Failure::Schema(_) | Failure::Unclear(_) | Failure::Final(_) => return,
        };
        counter!(name, "pipeline" => self.pipeline.clone(), "code" => failure.code()).increment(1);
    }
}
