//! Headers of records: the fixed ones of the file, and the attributes of CloudEvents.

use std::sync::Arc;

use spanbridge_config::{Publish, PublishFormat};
use spanbridge_kafka::Header;
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{DataChange, ModType};

use super::record_source::RecordSource;

/// The headers of a pipeline's records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers {
    fixed: Arc<[Header]>,
    /// The media type of values, if records have CloudEvents attributes.
    cloud_events: Option<&'static str>,
}

impl Headers {
    pub(super) fn new(publish: &Publish) -> Self {
        let fixed = publish.headers.iter();
        let fixed = fixed.map(|(name, value)| (name.clone(), Some(value.clone().into_bytes()))).collect();
        let media_type = match publish.value {
            PublishFormat::Avro => "application/avro",
            PublishFormat::Json | PublishFormat::JsonSchema => "application/json",
            PublishFormat::Protobuf => "application/protobuf",
        };
        Self { fixed, cloud_events: publish.cloud_events.then_some(media_type) }
    }

    /// The headers of one row of a change. `number` is the row's index in the change record.
    pub(super) fn of_change(&self, source: &RecordSource, change: &DataChange, number: usize) -> Vec<Header> {
        let event_type = match change.mod_type {
            ModType::Insert => "spanner.change.insert",
            ModType::Update => "spanner.change.update",
            ModType::Delete => "spanner.change.delete",
        };
        let (table, at) = (&change.table_name, change.commit_timestamp);
        let id = || {
            let (transaction, record) = (&change.server_transaction_id, &change.record_sequence);
            format!("{}/{transaction}/{record}/{table}/{number}", at.to_rfc3339())
        };
        self.of_row(source, table, at, event_type, id)
    }

    /// The headers of an event of one row, according to the Kafka protocol binding of CloudEvents 1.0 in its binary
    /// mode.
    pub(super) fn of_row(
        &self,
        source: &RecordSource,
        table: &str,
        at: Timestamp,
        event_type: &str,
        id: impl FnOnce() -> String,
    ) -> Vec<Header> {
        let mut headers = self.fixed.to_vec();
        let Some(media_type) = self.cloud_events else { return headers };
        let source =
            format!("//spanner.googleapis.com/{}/changeStreams/{}", source.database, source.change_stream);
        let attributes = [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", id()),
            ("ce_source", source),
            ("ce_type", event_type.to_owned()),
            ("ce_subject", table.to_owned()),
            ("ce_time", at.to_rfc3339()),
            ("content-type", media_type.to_owned()),
        ];
        headers.extend(attributes.map(|(name, value)| (name.to_owned(), Some(value.into_bytes()))));
        headers
    }
}
