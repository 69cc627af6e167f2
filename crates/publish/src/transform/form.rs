use spanbridge_config::{Compatible, Envelope, Publish, Timestamps};
use spanbridge_schema::Style;

use super::coding::Coding;
use super::headers::Headers;

/// What a pipeline's records look like, whatever the table.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(super) envelope: Envelope,
    pub(super) style: Style,
    pub(super) key: Coding,
    pub(super) value: Coding,
    pub(super) tombstones: bool,
    pub(super) headers: Headers,
}

impl Form {
    /// True if records have what Debezium's have not.
    pub(crate) fn is_extended(&self) -> bool {
        self.style != Style::Debezium
    }

    /// How keys are written, and values.
    pub(crate) fn codings(&self) -> (Coding, Coding) {
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
            key: Coding::key(publish.key, publish.key_subject),
            value: Coding::value(publish.value, publish.value_subject),
            tombstones: publish.tombstones,
            headers: Headers::new(publish),
        }
    }
}
