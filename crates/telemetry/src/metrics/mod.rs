//! Metrics: the table of all names, and the Prometheus recorder.
//!
//! Names follow [Prometheus' rules](https://prometheus.io/docs/practices/naming/): base units, `_total` on
//! counters. Labels have few values: pipelines, topics, partitions, tables and stable codes, but never keys
//! or values of records.
//!
#![doc = include_str!("table.md")]
//!
//! Create each handle once and keep it, because the lookup hashes the name and the labels:
//! ```
//! use spanbridge_telemetry::metrics::{INGEST_RECORDS_TOTAL, counter};
//! let records = counter!(INGEST_RECORDS_TOTAL, "pipeline" => "flights", "topic" => "flights");
//! records.increment(1000);
//! ```

mod gauge_series;
mod recorder;
mod table;

pub use gauge_series::GaugeSeries;
pub(crate) use gauge_series::render as render_series;
pub(crate) use recorder::{UPKEEP_INTERVAL, recorder};
pub use table::*;

pub use ::metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Passes the unit and the description of each metric to the current recorder.
/// [`Telemetry::start`](crate::Telemetry::start) calls it.
pub fn describe() {
    for metric in METRICS {
        let description = metric.description;
        match metric.kind {
            MetricKind::Counter => ::metrics::describe_counter!(metric.name, metric.unit, description),
            MetricKind::Gauge => ::metrics::describe_gauge!(metric.name, metric.unit, description),
            MetricKind::Histogram(_) => ::metrics::describe_histogram!(metric.name, metric.unit, description),
        }
    }
}
