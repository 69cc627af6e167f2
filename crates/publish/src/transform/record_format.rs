//! The format of records, taken from the file.

use spanbridge_config::{Compatibility, Envelope, Publish, RecordTimestamp, TimestampEncoding};
use spanbridge_schema::TypeMapping;

use super::headers::Headers;
use super::serializer_settings::SerializerSettings;

/// The format of a pipeline's records, which is the same for all tables.
#[derive(Debug, Clone)]
pub(crate) struct RecordFormat {
    pub(super) envelope: Envelope,
    pub(super) style: TypeMapping,
    pub(super) key: SerializerSettings,
    pub(super) value: SerializerSettings,
    /// True if a deletion is followed by a tombstone.
    pub(super) tombstones: bool,
    pub(super) headers: Headers,
    pub(super) timestamp: RecordTimestamp,
}

impl RecordFormat {
    pub(crate) fn new(publish: &Publish) -> Self {
        let style = match (publish.compatible, publish.timestamps) {
            (Some(Compatibility::Debezium), _) => TypeMapping::Debezium,
            (None, TimestampEncoding::Text) => {
                TypeMapping::Native(spanbridge_schema::TimestampEncoding::Text)
            }
            (None, TimestampEncoding::Micros) => {
                TypeMapping::Native(spanbridge_schema::TimestampEncoding::Micros)
            }
            (None, TimestampEncoding::Nanos) => {
                TypeMapping::Native(spanbridge_schema::TimestampEncoding::Nanos)
            }
        };
        Self {
            envelope: publish.envelope,
            style,
            key: SerializerSettings::key(publish.key, publish.key_subject),
            value: SerializerSettings::value(publish.value, publish.value_subject),
            tombstones: publish.tombstones,
            headers: Headers::new(publish),
            timestamp: publish.record_timestamp,
        }
    }

    /// True if records have fields and types that Debezium's records do not have.
    pub(crate) fn is_extended(&self) -> bool {
        self.style != TypeMapping::Debezium
    }

    /// The settings of keys, and of values.
    pub(crate) fn serializer_settings(&self) -> (SerializerSettings, SerializerSettings) {
        (self.key, self.value)
    }
}
