//! Latencies, computed from the timestamps in the records themselves, so that kills lose no measurement.

use serde::Serialize;
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_testbed::child_process::Metrics;

use super::evidence::Evidence;

/// Two percentiles of a latency, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Latency {
    /// Computes the percentiles of times in milliseconds. Returns `None` without any.
    fn of_times(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        Some(Self { p50_ms: *at(50)?, p99_ms: *at(99)? })
    }

    /// Estimates the percentiles of a histogram in seconds.
    pub(super) fn of_histogram(metrics: &Metrics, name: &str) -> Option<Self> {
        let milliseconds = |quantile| metrics.quantile(name, quantile).map(|seconds| seconds * 1000.0);
        Some(Self { p50_ms: milliseconds(0.5)?, p99_ms: milliseconds(0.99)? })
    }
}

/// Computes the time from a flight's record to the Spanner commit that applies it.
pub(super) fn kafka_to_spanner(evidence: &Evidence) -> Option<Latency> {
    let times = evidence.flights.records.iter().filter_map(|record| {
        // The expected row has the exact time: the emulator's stream truncates it to whole seconds.
        match evidence.expected.get(&record.key)?.last()? {
            Value::Timestamp(sent) => Some(milliseconds(*sent, record.change.as_ref()?.id.commit_timestamp)),
            _ => None,
        }
    });
    Latency::of_times(times.collect())
}

/// Computes the time from a Spanner commit to the creation of its records by publish.
pub(super) fn spanner_to_kafka(evidence: &Evidence) -> Option<Latency> {
    let times =
        evidence.changes().map(|change| milliseconds(change.id.commit_timestamp, change.processed_at));
    Latency::of_times(times.collect())
}

fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    (to - from).as_seconds_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        assert_eq!(Latency::of_times(vec![]), None);
        assert_eq!(Latency::of_times(vec![7.0]), Some(Latency { p50_ms: 7.0, p99_ms: 7.0 }));
        let times = (0..100).rev().map(f64::from).collect();
        assert_eq!(Latency::of_times(times), Some(Latency { p50_ms: 50.0, p99_ms: 99.0 }));
    }
}
