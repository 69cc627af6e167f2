//! Gauges that disappear.
//!
//! The recorder keeps each series until the process ends. A gauge of something that this worker no longer owns would
//! show its last value for ever, so the series of such gauges belong to handles.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::table::METRICS;

/// The name and the labels of a series.
type Key = (&'static str, String);

/// The exported series, each with the number of its handle and its value.
static SERIES: Mutex<BTreeMap<Key, (u64, f64)>> = Mutex::new(BTreeMap::new());
static LAST_HANDLE: AtomicU64 = AtomicU64::new(0);

/// One series of a gauge, which is exported from its first value until this handle is dropped.
///
/// A second handle of the same series replaces the first.
#[derive(Debug)]
pub struct GaugeSeries {
    name: &'static str,
    labels: String,
    handle: u64,
}

impl GaugeSeries {
    /// Returns a series without a value. `name` is a gauge of the table.
    #[must_use]
    pub fn new(name: &'static str, labels: &[(&str, &str)]) -> Self {
        let label = |(name, value): &(&str, &str)| {
            // https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        };
        let labels = labels.iter().map(label).collect::<Vec<_>>().join(",");
        Self { name, labels, handle: LAST_HANDLE.fetch_add(1, Ordering::Relaxed) }
    }

    /// Sets the value.
    pub fn set(&self, value: f64) {
        lock().insert((self.name, self.labels.clone()), (self.handle, value));
    }
}

impl Drop for GaugeSeries {
    fn drop(&mut self) {
        let key = (self.name, std::mem::take(&mut self.labels));
        let mut series = lock();
        if series.get(&key).is_some_and(|(handle, _)| *handle == self.handle) {
            series.remove(&key);
        }
    }
}

/// Renders all series in Prometheus' text format.
pub(crate) fn render() -> String {
    let mut text = String::new();
    let mut last = "";
    for ((name, labels), (_, value)) in lock().iter() {
        // Writing to a string cannot fail.
        if *name != last {
            let metric = METRICS.iter().find(|metric| metric.name == *name);
            let description = metric.map_or("", |metric| metric.description);
            let _ = write!(text, "# HELP {name} {description}\n# TYPE {name} gauge\n");
            last = name;
        }
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
    text
}

fn lock() -> MutexGuard<'static, BTreeMap<Key, (u64, f64)>> {
    SERIES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::INGEST_LAG_RECORDS;
    use super::*;

    #[test]
    fn series_lives_as_long_as_its_handle() {
        let series =
            |partition| GaugeSeries::new(INGEST_LAG_RECORDS, &[("topic", "a\"b"), ("partition", partition)]);
        let (first, second) = (series("0"), series("1"));
        assert!(!render().contains("a\\\"b"), "no value yet");
        first.set(7.0);
        second.set(8.0);
        let line = "spanbridge_ingest_lag_records{topic=\"a\\\"b\",partition=\"0\"} 7\n";
        let text = render();
        assert!(
            text.starts_with("# HELP spanbridge_ingest_lag_records Offsets") && text.contains(line),
            "{text}"
        );
        assert_eq!(text.matches("# TYPE spanbridge_ingest_lag_records gauge\n").count(), 1);
        let successor = series("0");
        successor.set(9.0);
        drop(first);
        assert!(render().contains("partition=\"0\"} 9\n"), "the successor keeps the series");
        drop((successor, second));
        assert!(!render().contains("a\\\"b"));
    }
}
