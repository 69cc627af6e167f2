use spanbridge_config::{Compatible, Envelope, Publish, PublishFormat, Timestamps};
use spanbridge_schema::{Encoding, Style};

use super::headers::Headers;

/// What a pipeline's records look like, whatever the table.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(super) envelope: Envelope,
    pub(super) style: Style,
    pub(super) key: Encoding,
    pub(super) value: Encoding,
    pub(super) tombstones: bool,
    pub(super) headers: Headers,
}

impl Form {
    /// True if records have what Debezium's have not.
    pub(crate) fn is_extended(&self) -> bool {
        self.style != Style::Debezium
    }

    /// That of keys and of values.
    pub(crate) fn encodings(&self) -> (Encoding, Encoding) {
        (self.key, self.value)
    }

    pub(crate) fn new(publish: &Publish) -> Self {
        let style = match (publish.compatible, publish.timestamps) {
            (Some(Compatible::Debezium), _) => Style::Debezium,
            (None, Timestamps::Text) => Style::Native(spanbridge_schema::Timestamps::Text),
            (None, Timestamps::Micros) => Style::Native(spanbridge_schema::Timestamps::Micros),
            (None, Timestamps::Nanos) => Style::Native(spanbridge_schema::Timestamps::Nanos),
        };
        Self {
            envelope: publish.envelope,
            style,
            key: encoding(publish.key),
            value: encoding(publish.value),
            tombstones: publish.tombstones,
            headers: Headers::new(publish),
        }
    }
}

fn encoding(format: PublishFormat) -> Encoding {
    match format {
        PublishFormat::Avro => Encoding::Avro,
        PublishFormat::Json => Encoding::Json,
        PublishFormat::JsonSchema => Encoding::JsonSchema,
        PublishFormat::Protobuf => Encoding::Protobuf,
    }
}
