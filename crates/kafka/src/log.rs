use rdkafka::config::RDKafkaLogLevel as Level;

/// librdkafka's log lines, as `tracing` events of the target `librdkafka`. They hold broker, topic and group names, no payload.
pub(crate) fn forward(level: Level, facility: &str, message: &str) {
    const TARGET: &str = "librdkafka";
    match level {
        Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
            tracing::error!(target: TARGET, facility, "{message}");
        }
        Level::Warning => tracing::warn!(target: TARGET, facility, "{message}"),
        // Connection and rebalance chatter.
        Level::Notice | Level::Info => tracing::debug!(target: TARGET, facility, "{message}"),
        Level::Debug => tracing::trace!(target: TARGET, facility, "{message}"),
    }
}
