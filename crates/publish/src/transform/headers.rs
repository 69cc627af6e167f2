use std::sync::Arc;

use spanbridge_config::{Publish, PublishFormat};
use spanbridge_kafka::Header;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{DataChange, ModType};

use super::RecordSource;

/// The headers of a pipeline's records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    fixed: Arc<[Header]>,
    /// CloudEvents' attributes, with the media type of values.
    cloud_events: Option<&'static str>,
}

impl Headers {
    pub(super) fn new(publish: &Publish) -> Self {
        let fixed = publish.headers.iter();
        let fixed = fixed.map(|(name, value)| (name.clone(), Some(value.clone().into_bytes()))).collect();
        let media = match publish.value {
            PublishFormat::Avro => "application/avro",
            PublishFormat::Json | PublishFormat::JsonSchema => "application/json",
            PublishFormat::Protobuf => "application/protobuf",
        };
        Self { fixed, cloud_events: publish.cloud_events.then_some(media) }
    }

    /// Those of one row of a change.
    pub(super) fn of_change(&self, origin: &RecordSource, change: &DataChange, number: usize) -> Vec<Header> {
        let kind = match change.mod_type {
            ModType::Insert => "spanner.change.insert",
            ModType::Update => "spanner.change.update",
            ModType::Delete => "spanner.change.delete",
        };
        let (table, at) = (&change.table_name, change.commit_timestamp);
        let id = || {
            let (transaction, record) = (&change.server_transaction_id, &change.record_sequence);
            format!("{}/{transaction}/{record}/{table}/{number}", at.to_rfc3339())
        };
        self.of(origin, table, at, kind, id)
    }

    /// Those of what happened to a row of a table. By Kafka's protocol binding of CloudEvents 1.0, in its binary
    /// mode.
    pub(super) fn of(
        &self,
        origin: &RecordSource,
        table: &str,
        at: Timestamp,
        kind: &str,
        id: impl FnOnce() -> String,
    ) -> Vec<Header> {
        let mut headers = self.fixed.to_vec();
        let Some(media) = self.cloud_events else { return headers };
        let source =
            format!("//spanner.googleapis.com/{}/changeStreams/{}", origin.database, origin.change_stream);
        let attributes = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id()),
            ("ce_source", source),
            ("ce_type", kind.to_owned()),
            ("ce_subject", table.to_owned()),
            ("ce_time", at.to_rfc3339()),
            ("content-type", media.to_owned()),
        ];
        headers.extend(attributes.map(|(name, value)| (name.to_owned(), Some(value.into_bytes()))));
        headers
    }
}
