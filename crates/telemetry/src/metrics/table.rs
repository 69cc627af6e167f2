//! The table of all metrics of both services.
//!
//! The macro below defines a constant for each name, which the services record with, and the list that the
//! recorder and the documentation follow. `table.md` and docs/reference/metrics.md repeat it; tests compare
//! them. Names are stable, because dashboards and alerts depend on them.

use ::metrics::Unit;

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// A value that only increases.
    Counter,
    /// A value that increases and decreases.
    Gauge,
    /// The number of observations up to each of these bounds.
    Histogram(&'static [f64]),
}

/// One metric of the table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name of its constant in this module.
    pub constant: &'static str,
    /// The full name, as Prometheus shows it.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The unit.
    pub unit: Unit,
    /// The names of the labels, which every sample has.
    pub labels: &'static [&'static str],
    /// The description.
    pub description: &'static str,
}

/// Buckets for the duration of one remote call: 1 ms to 60 s.
const CALL_SECONDS: &[f64] =
    &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// Buckets for the time from a record to its commit: 5 ms to one day, because records of a backlog are old.
const DELAY_SECONDS: &[f64] = &[
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0,
];
/// Buckets for the number of records in one batch: 1 to 100,000.
const BATCH_RECORDS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];

macro_rules! table {
    ($($konst:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal),*], $description:literal;)*) => {
        $(
            #[doc = $description]
            pub const $konst: &str = $name;
        )*

        /// All metrics of both services.
        pub const METRICS: &[Metric] = &[$(
            Metric {
                constant: stringify!($konst),
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &[$($label),*],
                description: $description,
            },
        )*];
    };
}

use MetricKind::{Counter, Gauge, Histogram};

table! {
    BUILD_INFO = "spanbridge_build_info", Gauge, Count, ["service", "version"], "Always 1. The labels are the name and the version of the running service.";
    PIPELINE_RESTARTS_TOTAL = "spanbridge_pipeline_restarts_total", Counter, Count, ["pipeline", "cause"], "Restarts of a pipeline by its supervisor, by cause: `failure` (including a panic), `secrets` (changed credentials).";
    PIPELINE_STOPPED = "spanbridge_pipeline_stopped", Gauge, Count, ["pipeline"], "1 after a failure that needs a person has stopped the pipeline, otherwise 0.";
    INGEST_RECORDS_TOTAL = "spanbridge_ingest_records_total", Counter, Count, ["pipeline", "topic"], "Records in committed batches.";
    INGEST_COMMITS_TOTAL = "spanbridge_ingest_commits_total", Counter, Count, ["pipeline", "outcome"], "Spanner commits that were attempted, by outcome: `committed`, `fenced`, `in_doubt`, `rejected` (because of the data), `too_large`, `aborted`.";
    INGEST_COMMIT_SECONDS = "spanbridge_ingest_commit_seconds", Histogram(CALL_SECONDS), Seconds, ["pipeline"], "Duration of one Spanner commit, for every outcome.";
    INGEST_BATCH_RECORDS = "spanbridge_ingest_batch_records", Histogram(BATCH_RECORDS), Count, ["pipeline"], "Number of records in one committed batch.";
    INGEST_ROWS_TOTAL = "spanbridge_ingest_rows_total", Counter, Count, ["pipeline", "table"], "Rows that commits wrote or deleted, after folding.";
    INGEST_DEAD_LETTERS_TOTAL = "spanbridge_ingest_dead_letters_total", Counter, Count, ["pipeline", "code"], "Committed dead letters, by error code.";
    INGEST_SKIPPED_TOTAL = "spanbridge_ingest_skipped_total", Counter, Count, ["pipeline", "reason"], "Changes that the mapping skips, by reason: `superseded` (the row has a newer version), `late` (with `late = \"drop\"`).";
    INGEST_BISECTIONS_TOTAL = "spanbridge_ingest_bisections_total", Counter, Count, ["pipeline"], "Batches that were halved because Spanner rejected their data.";
    INGEST_FENCED_TOTAL = "spanbridge_ingest_fenced_total", Counter, Count, ["pipeline"], "Commits that failed because another worker had moved the position.";
    INGEST_IN_DOUBT_TOTAL = "spanbridge_ingest_in_doubt_total", Counter, Count, ["pipeline"], "Commits with an unknown outcome, after which the worker reads the stored position.";
    INGEST_GAPS_TOTAL = "spanbridge_ingest_gaps_total", Counter, Count, ["pipeline", "topic"], "Positions that the Kafka log no longer holds.";
    INGEST_GAP_RECORDS_TOTAL = "spanbridge_ingest_gap_records_total", Counter, Count, ["pipeline", "topic"], "Offsets that were skipped because the Kafka log no longer holds them (with `on_gap = \"skip\"`).";
    INGEST_ADDED_PARTITIONS_TOTAL = "spanbridge_ingest_added_partitions_total", Counter, Count, ["pipeline", "topic"], "Partitions that were added to a topic which the pipeline already reads: the order per key is lost at that point.";
    INGEST_LAG_RECORDS = "spanbridge_ingest_lag_records", Gauge, Count, ["pipeline", "topic", "partition"], "Offsets between the committed position and the end of the partition.";
    INGEST_WATERMARK_SECONDS = "spanbridge_ingest_watermark_seconds", Gauge, Seconds, ["pipeline"], "Watermark of the windows as a Unix time, reported by the worker that owns the first partition.";
    INGEST_ASSIGNED_PARTITIONS = "spanbridge_ingest_assigned_partitions", Gauge, Count, ["pipeline"], "Partitions that this worker owns.";
    INGEST_PAUSED_PARTITIONS = "spanbridge_ingest_paused_partitions", Gauge, Count, ["pipeline"], "Partitions that are paused because Spanner is slower than Kafka.";
    INGEST_END_TO_END_SECONDS = "spanbridge_ingest_end_to_end_seconds", Histogram(DELAY_SECONDS), Seconds, ["pipeline"], "Time from a record's timestamp to the end of its commit.";
    PUBLISH_RECORDS_TOTAL = "spanbridge_publish_records_total", Counter, Count, ["pipeline", "table"], "Data records in committed Kafka transactions.";
    PUBLISH_DEAD_LETTERS_TOTAL = "spanbridge_publish_dead_letters_total", Counter, Count, ["pipeline", "code"], "Dead letters in committed Kafka transactions, by error code.";
    PUBLISH_TRANSACTIONS_TOTAL = "spanbridge_publish_transactions_total", Counter, Count, ["pipeline", "outcome"], "Kafka transactions, by outcome: `committed`, `aborted`, `fenced`, `in_doubt`.";
    PUBLISH_TRANSACTION_SECONDS = "spanbridge_publish_transaction_seconds", Histogram(CALL_SECONDS), Seconds, ["pipeline"], "Duration of one Kafka transaction, from begin to end.";
    PUBLISH_TRANSACTION_RECORDS = "spanbridge_publish_transaction_records", Histogram(BATCH_RECORDS), Count, ["pipeline"], "Number of data records in one committed Kafka transaction.";
    PUBLISH_LATENCY_SECONDS = "spanbridge_publish_latency_seconds", Histogram(DELAY_SECONDS), Seconds, ["pipeline"], "Time from the Spanner commit timestamp of a change to the end of its Kafka transaction.";
    PUBLISH_FENCED_TOTAL = "spanbridge_publish_fenced_total", Counter, Count, ["pipeline"], "Shards that were lost because another producer took over their transactional id.";
    PUBLISH_IN_DOUBT_TOTAL = "spanbridge_publish_in_doubt_total", Counter, Count, ["pipeline"], "Kafka transactions with an unknown outcome, after which the worker reads the stored state.";
    PUBLISH_GAPS_TOTAL = "spanbridge_publish_gaps_total", Counter, Count, ["pipeline"], "Change stream tokens whose changes Spanner no longer retains.";
    PUBLISH_TOKENS = "spanbridge_publish_tokens", Gauge, Count, ["pipeline", "state"], "Change stream tokens of this worker's shards, by state: `waiting`, `running`, `finished`.";
    PUBLISH_SHARDS = "spanbridge_publish_shards", Gauge, Count, ["pipeline"], "Shards that this worker owns.";
    PUBLISH_HELD_BYTES = "spanbridge_publish_held_bytes", Gauge, Bytes, ["pipeline", "state"], "Bytes of changes in memory, by state: `ahead` (read from Spanner, waiting for earlier changes), `queued` (waiting for a Kafka transaction, or part of it).";
    PUBLISH_SNAPSHOT_RANGES = "spanbridge_publish_snapshot_ranges", Gauge, Count, ["pipeline"], "Key ranges of the snapshot that this worker's shards have not read yet.";
    PUBLISH_WATERMARK_LAG_SECONDS = "spanbridge_publish_watermark_lag_seconds", Gauge, Seconds, ["pipeline"], "Age of the low watermark, before which all changes are published.";
    KAFKA_ERRORS_TOTAL = "spanbridge_kafka_errors_total", Counter, Count, ["pipeline", "code"], "Errors of Kafka clients, by error code.";
    SPANNER_ERRORS_TOTAL = "spanbridge_spanner_errors_total", Counter, Count, ["pipeline", "code"], "Errors of Spanner requests, by error code.";
    PIPELINE_READY = "spanbridge_pipeline_ready", Gauge, Count, ["pipeline"], "1 if the pipeline is ready, as in `/readyz`, otherwise 0.";
    PART_UP = "spanbridge_part_up", Gauge, Count, ["pipeline", "part"], "0 while a part (`kafka`, `spanner`, `registry`) is away: from its first failed request until it has answered for some seconds. Otherwise 1.";
    PART_FAILURES_TOTAL = "spanbridge_part_failures_total", Counter, Count, ["pipeline", "part", "cause"], "Requests that failed because a part is away, by cause: `authentication`, `authorization`, `tls`, `name`, `quota`, `refused`, `timeout`, `connection_lost`, `unknown`.";
    TRACE_EXPORT_FAILURES_TOTAL = "spanbridge_trace_export_failures_total", Counter, Count, [], "Batches of spans that the trace collector did not accept.";
    TRACE_SPANS_LOST_TOTAL = "spanbridge_trace_spans_lost_total", Counter, Count, [], "Spans in batches that the trace collector did not accept.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    #[test]
    fn names_follow_prometheus_conventions() {
        let mut seen = BTreeSet::new();
        for metric in METRICS {
            let name = metric.name;
            assert!(seen.insert(name), "{name} occurs twice");
            assert!(name.starts_with("spanbridge_"), "{name}");
            assert!(name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert_eq!(name.ends_with("_bytes"), metric.unit == Unit::Bytes, "{name}");
            assert!(
                !name.ends_with("_count") && !name.ends_with("_sum") && !name.ends_with("_bucket"),
                "{name}"
            );
            if let Histogram(bounds) = metric.kind {
                assert!(bounds.is_sorted_by(|a, b| a < b), "{name}");
            }
        }
    }

    #[test]
    fn table_md_lists_all_metrics() {
        let mut text =
            String::from("| name | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n");
        for metric in METRICS {
            let kind = match metric.kind {
                Counter => "counter",
                Gauge => "gauge",
                Histogram(_) => "histogram",
            };
            let unit = match metric.unit {
                Unit::Seconds => "seconds",
                Unit::Bytes => "bytes",
                _ => "1",
            };
            let labels = metric.labels.join(", ");
            writeln!(text, "| `{}` | {kind} | {unit} | {labels} | {} |", metric.name, metric.description)
                .unwrap();
        }
        let written = include_str!("table.md");
        assert!(written == text, "src/metrics/table.md should be:\n{text}");
    }
}
