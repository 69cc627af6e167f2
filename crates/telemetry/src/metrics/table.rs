use ::metrics::Unit;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations below each of these bounds.
    Histogram(&'static [f64]),
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Full name, as Prometheus shows it.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What is counted or measured.
    pub unit: Unit,
    /// The labels that each sample has.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
}

/// Seconds of one remote call: 1 ms to 60 s.
const CALL: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
/// Seconds from a record's time to its commit: 5 ms to a day, because a backlog is old.
const DELAY: &[f64] = &[
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0,
];
/// Records of one batch: 1 to 100,000.
const RECORDS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];

macro_rules! table {
    ($($konst:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal),*], $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $konst: &str = $name;
        )*

        /// All metrics of both services.
        pub const TABLE: &[Metric] = &[$(
            Metric {
                name: $name,
                kind: $kind,
                unit: Unit::$unit,
                labels: &[$($label),*],
                meaning: $meaning,
            },
        )*];
    };
}

use Kind::{Counter, Gauge, Histogram};

table! {
    BUILD_INFO = "spanbridge_build_info", Gauge, Count, ["service", "version"], "Always 1; its labels say what runs.";
    INGEST_RECORDS_TOTAL = "spanbridge_ingest_records_total", Counter, Count, ["pipeline", "topic"], "Records whose batch was committed.";
    INGEST_COMMITS_TOTAL = "spanbridge_ingest_commits_total", Counter, Count, ["pipeline", "outcome"], "Spanner commits tried, by outcome: committed, fenced, in_doubt, rejected (for its data), too_large, aborted.";
    INGEST_COMMIT_SECONDS = "spanbridge_ingest_commit_seconds", Histogram(CALL), Seconds, ["pipeline"], "Time that one Spanner commit took, whatever its outcome.";
    INGEST_BATCH_RECORDS = "spanbridge_ingest_batch_records", Histogram(RECORDS), Count, ["pipeline"], "Records in one committed batch.";
    INGEST_ROWS_TOTAL = "spanbridge_ingest_rows_total", Counter, Count, ["pipeline", "table"], "Rows written or deleted by commits, after folding.";
    INGEST_DEAD_LETTERS_TOTAL = "spanbridge_ingest_dead_letters_total", Counter, Count, ["pipeline", "code"], "Dead letters committed, by error code.";
    INGEST_SKIPPED_TOTAL = "spanbridge_ingest_skipped_total", Counter, Count, ["pipeline", "reason"], "Changes left out by the mapping's own rules: superseded (an older version), late (late = drop).";
    INGEST_BISECTIONS_TOTAL = "spanbridge_ingest_bisections_total", Counter, Count, ["pipeline"], "Batches halved because Spanner rejected their data.";
    INGEST_FENCED_TOTAL = "spanbridge_ingest_fenced_total", Counter, Count, ["pipeline"], "Commits refused because another worker had moved the position.";
    INGEST_IN_DOUBT_TOTAL = "spanbridge_ingest_in_doubt_total", Counter, Count, ["pipeline"], "Commits whose outcome was unknown, so that the position was read again.";
    INGEST_GAPS_TOTAL = "spanbridge_ingest_gaps_total", Counter, Count, ["pipeline", "topic"], "Positions that the Kafka log no longer held.";
    INGEST_GAP_RECORDS_TOTAL = "spanbridge_ingest_gap_records_total", Counter, Count, ["pipeline", "topic"], "Offsets skipped because the Kafka log no longer held them (on_gap = skip).";
    INGEST_LAG_RECORDS = "spanbridge_ingest_lag_records", Gauge, Count, ["pipeline", "topic", "partition"], "Offsets between the committed position and the end of the partition.";
    INGEST_WATERMARK_SECONDS = "spanbridge_ingest_watermark_seconds", Gauge, Seconds, ["pipeline"], "Watermark of the windows, as a Unix time; from the worker that owns the first partition.";
    INGEST_ASSIGNED_PARTITIONS = "spanbridge_ingest_assigned_partitions", Gauge, Count, ["pipeline"], "Partitions that this worker owns.";
    INGEST_PAUSED_PARTITIONS = "spanbridge_ingest_paused_partitions", Gauge, Count, ["pipeline"], "Partitions paused because Spanner is slower than Kafka.";
    INGEST_END_TO_END_SECONDS = "spanbridge_ingest_end_to_end_seconds", Histogram(DELAY), Seconds, ["pipeline"], "Time from the record's timestamp to the end of its commit.";
    PUBLISH_RECORDS_TOTAL = "spanbridge_publish_records_total", Counter, Count, ["pipeline", "table"], "Data records in committed Kafka transactions.";
    PUBLISH_DEAD_LETTERS_TOTAL = "spanbridge_publish_dead_letters_total", Counter, Count, ["pipeline", "code"], "Dead letters in committed Kafka transactions, by error code.";
    PUBLISH_TRANSACTIONS_TOTAL = "spanbridge_publish_transactions_total", Counter, Count, ["pipeline", "outcome"], "Kafka transactions, by outcome: committed, aborted, fenced, in_doubt.";
    PUBLISH_TRANSACTION_SECONDS = "spanbridge_publish_transaction_seconds", Histogram(CALL), Seconds, ["pipeline"], "Time from the begin of a Kafka transaction to its end.";
    PUBLISH_TRANSACTION_RECORDS = "spanbridge_publish_transaction_records", Histogram(RECORDS), Count, ["pipeline"], "Data records in one committed Kafka transaction.";
    PUBLISH_LATENCY_SECONDS = "spanbridge_publish_latency_seconds", Histogram(DELAY), Seconds, ["pipeline"], "Time from the Spanner commit timestamp to the end of the Kafka transaction.";
    PUBLISH_FENCED_TOTAL = "spanbridge_publish_fenced_total", Counter, Count, ["pipeline"], "Shards lost because another worker took their transactional id.";
    PUBLISH_IN_DOUBT_TOTAL = "spanbridge_publish_in_doubt_total", Counter, Count, ["pipeline"], "Kafka transactions whose outcome was unknown, so that the state was read back.";
    PUBLISH_GAPS_TOTAL = "spanbridge_publish_gaps_total", Counter, Count, ["pipeline"], "Tokens whose changes were no longer retained.";
    PUBLISH_TOKENS = "spanbridge_publish_tokens", Gauge, Count, ["pipeline", "state"], "Change stream tokens of this worker's shards, by state: waiting, running, finished.";
    PUBLISH_SHARDS = "spanbridge_publish_shards", Gauge, Count, ["pipeline"], "Shards that this worker owns.";
    PUBLISH_HELD_BYTES = "spanbridge_publish_held_bytes", Gauge, Bytes, ["pipeline", "state"], "Bytes of changes in memory, by state: ahead (read from Spanner, to be taken in the order of time), queued (for a Kafka transaction, or in it).";
    PUBLISH_SNAPSHOT_RANGES = "spanbridge_publish_snapshot_ranges", Gauge, Count, ["pipeline"], "Key ranges of the snapshot that this worker's shards have still to read.";
    PUBLISH_WATERMARK_LAG_SECONDS = "spanbridge_publish_watermark_lag_seconds", Gauge, Seconds, ["pipeline"], "Age of the low watermark: all changes before it are published.";
    KAFKA_ERRORS_TOTAL = "spanbridge_kafka_errors_total", Counter, Count, ["pipeline", "code"], "Errors that the Kafka client reported, by its code.";
    SPANNER_ERRORS_TOTAL = "spanbridge_spanner_errors_total", Counter, Count, ["pipeline", "code"], "Errors that Spanner answered, by gRPC status.";
    TRACE_EXPORT_FAILURES_TOTAL = "spanbridge_trace_export_failures_total", Counter, Count, [], "Batches of spans that the trace collector did not take.";
    TRACE_SPANS_LOST_TOTAL = "spanbridge_trace_spans_lost_total", Counter, Count, [], "Spans in those batches.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use super::*;

    #[test]
    fn names_follow_the_rules() {
        let mut seen = BTreeSet::new();
        for metric in TABLE {
            let name = metric.name;
            assert!(seen.insert(name), "{name} is there twice");
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
    fn the_written_table_is_this_one() {
        let mut text =
            String::from("| name | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n");
        for metric in TABLE {
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
            writeln!(text, "| `{}` | {kind} | {unit} | {labels} | {} |", metric.name, metric.meaning)
                .unwrap();
        }
        let written = include_str!("table.md");
        assert!(written == text, "src/metrics/table.md should be:\n{text}");
    }
}
