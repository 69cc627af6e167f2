use spanbridge_config::{Compatible, Envelope, Publish, PublishFormat, Timestamps};
use spanbridge_schema::{Encoding, Style};

/// What a pipeline's records look like, whatever the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(super) envelope: Envelope,
    pub(super) style: Style,
    pub(super) key: Encoding,
    pub(super) value: Encoding,
    pub(super) tombstones: bool,
}

impl Form {
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
