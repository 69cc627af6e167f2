//! The types of published values.

use crate::PublishFormat;
use crate::error::ErrorKind;
use crate::read::Entry;

/// `compatible`: another product whose types and fields published records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// Exactly those of Debezium's Spanner connector.
    Debezium,
}

/// `timestamps`: how Avro represents a TIMESTAMP. Only text can represent all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampEncoding {
    /// RFC 3339 text. The default.
    #[default]
    Text,
    /// The logical type `timestamp-micros`, without nanoseconds.
    Micros,
    /// The logical type `timestamp-nanos`, for the years 1677 to 2262.
    Nanos,
}

/// `record_timestamp`: the timestamp of published Kafka records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordTimestamp {
    /// The time at which the record is published. The default.
    #[default]
    Publish,
    /// The commit timestamp of the change. Kafka deletes a backlog that is older than the topic's `retention.ms` as it arrives.
    Commit,
}

impl TimestampEncoding {
    pub(super) fn read(
        entry: &Entry<'_>,
        compatible: Option<Compatibility>,
        formats: [PublishFormat; 2],
    ) -> Option<Self> {
        let words = [("text", Self::Text), ("micros", Self::Micros), ("nanos", Self::Nanos)];
        let timestamps = entry.choice(&words, &[])?;
        let report_conflict = |message: &str, help: &str| {
            let mistake = entry.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
            entry.reader().report(mistake.help(help));
        };
        if compatible.is_some() && timestamps != Self::Text {
            report_conflict("Debezium's timestamps are text", "remove `timestamps` or `compatible`");
        }
        if !formats.contains(&PublishFormat::Avro) {
            report_conflict(
                "`timestamps` is about Avro, and neither `key` nor `value` is",
                "remove it: Protobuf has its own timestamps, JSON has text",
            );
        }
        Some(timestamps)
    }
}
