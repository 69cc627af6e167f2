//! How long records took, by the instants that they carry themselves: so kills lose nothing of it.

use serde::Serialize;
use spanbridge_protocol::value::{Timestamp, Value};

use super::evidence::Evidence;
use crate::worker::Metrics;

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
}

impl Latency {
    /// Of times in milliseconds; nothing without any.
    fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        Some(Self { p50_ms: *at(50)?, p99_ms: *at(99)? })
    }

    /// Of a histogram in seconds.
    pub(super) fn of_histogram(metrics: &Metrics, name: &str) -> Option<Self> {
        let milliseconds = |quantile| metrics.quantile(name, quantile).map(|seconds| seconds * 1000.0);
        Some(Self { p50_ms: milliseconds(0.5)?, p99_ms: milliseconds(0.99)? })
    }
}

/// From a flight's record to the Spanner commit that applies it.
pub(super) fn kafka_to_spanner(evidence: &Evidence) -> Option<Latency> {
    let times = evidence.flights.events.iter().filter_map(|event| {
        // What the emulator's stream says has lost its fraction of a second.
        match evidence.expected.get(&event.key)?.last()? {
            Value::Timestamp(sent) => Some(milliseconds(*sent, event.change.as_ref()?.id.commit)),
            _ => None,
        }
    });
    Latency::of(times.collect())
}

/// From a Spanner commit to the records that publish makes of it.
pub(super) fn spanner_to_kafka(evidence: &Evidence) -> Option<Latency> {
    Latency::of(evidence.changes().map(|change| milliseconds(change.id.commit, change.processed)).collect())
}

fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    (to - from).as_seconds_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        assert_eq!(Latency::of(vec![]), None);
        assert_eq!(Latency::of(vec![7.0]), Some(Latency { p50_ms: 7.0, p99_ms: 7.0 }));
        let times = (0..100).rev().map(f64::from).collect();
        assert_eq!(Latency::of(times), Some(Latency { p50_ms: 50.0, p99_ms: 99.0 }));
    }
}
