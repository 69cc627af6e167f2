use spanbridge_protocol::value::Timestamp;

use crate::encode::Item;

/// Where a change comes from: Debezium's `source` record, in its order.
///
/// `ts_ms`, `ts_us` and `ts_ns` come from `commit`; `db` is `database` again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The version of what wrote the record.
    pub version: String,
    /// `spanner` in Debezium.
    pub connector: String,
    /// The pipeline's logical name; Debezium's `topic.prefix`.
    pub name: String,
    /// The commit timestamp.
    pub commit: Timestamp,
    /// One of Debezium's words, such as `false`, `true` or `last`; null is `false`.
    pub snapshot: Option<String>,
    /// Debezium has the record sequence here, as a number without leading zeros.
    pub sequence: Option<String>,
    pub project: String,
    pub instance: String,
    pub database: String,
    pub change_stream: String,
    pub table: String,
    pub server_transaction_id: Option<String>,
    pub record_sequence_prefix: Option<String>,
    /// Debezium has milliseconds here.
    pub low_watermark: Option<Timestamp>,
    /// Debezium has milliseconds here.
    pub read_at: Option<Timestamp>,
    pub number_of_records_in_transaction: Option<i64>,
    pub transaction_tag: Option<String>,
    pub system_transaction: Option<bool>,
    pub value_capture_type: Option<String>,
    pub partition_token: Option<String>,
    /// The place of the change among those of its record, from 0.
    pub mod_number: Option<i32>,
    pub is_last_record_in_transaction_in_partition: Option<bool>,
    pub number_of_partitions_in_transaction: Option<i64>,
}

impl Source {
    pub(super) fn into_item(self) -> Item {
        let millis = |at: Option<Timestamp>| Item::maybe(at.map(Item::millis));
        let snapshot = self.snapshot.as_deref().unwrap_or("false");
        Item::Record(vec![
            Item::text(self.version),
            Item::text(self.connector),
            Item::text(self.name),
            Item::millis(self.commit),
            Item::text(snapshot),
            Item::text(self.database.clone()),
            Item::from(self.sequence),
            Item::micros(self.commit),
            Item::nanos(self.commit),
            Item::text(self.project),
            Item::text(self.instance),
            Item::text(self.database),
            Item::text(self.change_stream),
            Item::text(self.table),
            Item::from(self.server_transaction_id),
            Item::from(self.record_sequence_prefix),
            millis(self.low_watermark),
            millis(self.read_at),
            Item::from(self.number_of_records_in_transaction),
            Item::from(self.transaction_tag),
            Item::from(self.system_transaction),
            Item::from(self.value_capture_type),
            Item::from(self.partition_token),
            Item::from(self.mod_number.map(i64::from)),
            Item::from(self.is_last_record_in_transaction_in_partition),
            Item::from(self.number_of_partitions_in_transaction),
        ])
    }
}
