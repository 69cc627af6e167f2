//! The Prometheus recorder with the histogram buckets of the table.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::table::{METRICS, MetricKind};

/// How often observations are drained into their buckets. Without it they would accumulate in memory between
/// scrapes.
pub(crate) const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Creates a recorder with the buckets of all histograms.
///
/// # Panics
/// If a histogram of the table has no buckets.
pub(crate) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS {
        if let MetricKind::Histogram(bounds) = metric.kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                .expect("each histogram of the table has buckets");
        }
    }
    builder.build_recorder()
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    #[test]
    fn metrics_are_rendered_under_their_names() {
        let recorder = recorder();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            counter!(INGEST_COMMITS_TOTAL, "pipeline" => "flights", "outcome" => "committed").increment(2);
            gauge!(INGEST_LAG_RECORDS, "pipeline" => "flights", "topic" => "f", "partition" => "0").set(7.0);
            histogram!(INGEST_COMMIT_SECONDS, "pipeline" => "flights").record(0.003);
        });
        let text = recorder.handle().render();
        for line in [
            "# HELP spanbridge_ingest_commits_total Spanner commits that were attempted",
            "# TYPE spanbridge_ingest_commits_total counter",
            "spanbridge_ingest_commits_total{pipeline=\"flights\",outcome=\"committed\"} 2",
            "spanbridge_ingest_lag_records{pipeline=\"flights\",topic=\"f\",partition=\"0\"} 7",
            "# TYPE spanbridge_ingest_commit_seconds histogram",
            "spanbridge_ingest_commit_seconds_bucket{pipeline=\"flights\",le=\"0.002\"} 0",
            "spanbridge_ingest_commit_seconds_bucket{pipeline=\"flights\",le=\"0.005\"} 1",
            "spanbridge_ingest_commit_seconds_bucket{pipeline=\"flights\",le=\"+Inf\"} 1",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
    }
}
