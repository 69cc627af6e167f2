//! Records of the crate `log`, which some libraries write, among our own.

use log::{Log, Metadata, Record};
use tracing::level_filters::LevelFilter;
use tracing_log::AsLog;

/// In place of tracing-log's `LogTracer`. That one answers `log_enabled!` by asking the subscriber's filters, which
/// remember what they have answered until the event comes that they were asked about; where none comes, they leave out
/// the next span or event of that thread.
struct Bridge;

impl Log for Bridge {
    /// By level alone. The filters are asked with the record.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // It does not fail: the result is for what it may do one day.
            drop(tracing_log::format_trace(record));
        }
    }

    fn flush(&self) {}
}

/// From now on such records are events of the subscriber, which must be there. Another logger of the process stays.
pub(crate) fn bridge() {
    if log::set_logger(&Bridge).is_ok() {
        log::set_max_level(LevelFilter::current().as_log());
    }
}
