//! Forwards librdkafka's log lines to `tracing`.

use rdkafka::config::RDKafkaLogLevel as Level;

/// Logs one line of librdkafka under the target `librdkafka`. The lines hold names of brokers, topics and
/// groups, never payloads.
pub(crate) fn forward(level: Level, facility: &str, message: &str) {
    const TARGET: &str = "librdkafka";
    match level {
        Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
            tracing::error!(target: TARGET, facility, "{message}");
        }
        Level::Warning => tracing::warn!(target: TARGET, facility, "{message}"),
        // Routine lines about connections and rebalances.
        Level::Notice | Level::Info => tracing::debug!(target: TARGET, facility, "{message}"),
        Level::Debug => tracing::trace!(target: TARGET, facility, "{message}"),
    }
}
