use crate::PublishFormat;
use crate::error::Kind;
use crate::read::Entry;

/// Whose types and fields published records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatible {
    /// Debezium's Spanner connector's, exactly.
    Debezium,
}

/// How Avro has a TIMESTAMP. Only text holds each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// RFC 3339.
    #[default]
    Text,
    /// The logical type `timestamp-micros`: no nanoseconds.
    Micros,
    /// The logical type `timestamp-nanos`: years 1677 to 2262.
    Nanos,
}

impl Timestamps {
    pub(super) fn read(
        entry: &Entry<'_>,
        compatible: Option<Compatible>,
        formats: [PublishFormat; 2],
    ) -> Option<Self> {
        let words = [("text", Self::Text), ("micros", Self::Micros), ("nanos", Self::Nanos)];
        let timestamps = entry.choice(&words, &[])?;
        let conflict = |message: &str, help: &str| {
            let mistake = entry.reader().mistake(Kind::Conflict, entry.key_span(), message);
            entry.reader().report(mistake.help(help));
        };
        if compatible.is_some() && timestamps != Self::Text {
            conflict("Debezium's timestamps are text", "remove `timestamps` or `compatible`");
        }
        if !formats.contains(&PublishFormat::Avro) {
            conflict(
                "`timestamps` is about Avro, and neither `key` nor `value` is",
                "remove it: Protobuf has its own timestamps, JSON has text",
            );
        }
        Some(timestamps)
    }
}
