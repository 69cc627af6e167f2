//! Metrics: the written table, and the Prometheus recorder behind it.
//!
//! Names follow [Prometheus' rules](https://prometheus.io/docs/practices/naming/): base units, `_total` on
//! counters. Labels have few values: pipelines, topics, partitions, tables, stable codes; never keys or values
//! of records.
//!
#![doc = include_str!("table.md")]
//!
//! Take a handle once and keep it, as looking it up costs a hash of name and labels:
//! ```
//! use spanbridge_telemetry::metrics::{INGEST_RECORDS_TOTAL, counter};
//! let records = counter!(INGEST_RECORDS_TOTAL, "pipeline" => "flights", "topic" => "flights");
//! records.increment(1000);
//! ```

mod recorder;
mod table;

pub(crate) use recorder::{UPKEEP, recorder};
pub use table::*;

pub use ::metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Gives each metric's unit and meaning to the recorder in charge; [`Telemetry::start`](crate::Telemetry::start)
/// has done it already.
pub fn describe() {
    for metric in TABLE {
        let meaning = metric.meaning;
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, metric.unit, meaning),
            Kind::Gauge => ::metrics::describe_gauge!(metric.name, metric.unit, meaning),
            Kind::Histogram(_) => ::metrics::describe_histogram!(metric.name, metric.unit, meaning),
        }
    }
}
