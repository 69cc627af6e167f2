//! Forwards records of the `log` crate, which some libraries write, to `tracing`.

use log::{Log, Metadata, Record};
use tracing::level_filters::LevelFilter;
use tracing_log::AsLog;

/// A replacement of tracing-log's `LogTracer`. That one answers `log_enabled!` by asking the subscriber's
/// filters. The filters remember their answer until the event arrives that they were asked about. If none
/// arrives, they drop the next span or event of that thread.
struct LogForwarder;

impl Log for LogForwarder {
    /// Compares only the level. The filters are asked when the record arrives.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // The current version never fails.
            drop(tracing_log::format_trace(record));
        }
    }

    fn flush(&self) {}
}

/// Forwards all records from now on. The subscriber must be set before. If the process has another logger,
/// that one stays.
pub(crate) fn forward() {
    if log::set_logger(&LogForwarder).is_ok() {
        follow_filter();
    }
}

/// Forwards the records of the levels that the current filter of log lines may pass.
pub(crate) fn follow_filter() {
    log::set_max_level(LevelFilter::current().as_log());
}
