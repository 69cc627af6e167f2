//! The origin of a published change.

use spanbridge_protocol::value::Timestamp;

use crate::definition::FieldValue;

/// The origin of a change: the values of Debezium's `source`.
///
/// `ts_ms`, `ts_us` and `ts_ns` come from `commit`, and `db` is `database` again. The fields are described in Spanner's
/// documentation of data change records:
/// <https://cloud.google.com/spanner/docs/change-streams/details#data-change-records>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// The version of the connector.
    pub version: String,
    /// The name of the connector, `spanner` in Debezium.
    pub connector: String,
    /// The logical name of the pipeline, Debezium's `topic.prefix`.
    pub name: String,
    /// The commit timestamp of the transaction.
    pub commit: Timestamp,
    /// The snapshot marker, such as `true`, `last` or `false`. `None` is written as `false`.
    pub snapshot: Option<String>,
    /// The record sequence as a number without leading zeros.
    pub sequence: Option<String>,
    /// The id of the Google Cloud project.
    pub project: String,
    /// The id of the Spanner instance.
    pub instance: String,
    /// The id of the database.
    pub database: String,
    /// The name of the change stream.
    pub change_stream: String,
    /// The name of the table.
    pub table: String,
    /// The id of the transaction.
    pub server_transaction_id: Option<String>,
    /// Debezium's field of this name. It is null in Debezium's samples.
    pub record_sequence_prefix: Option<String>,
    /// The low watermark at the time of the change, written in milliseconds.
    pub low_watermark: Option<Timestamp>,
    /// The time at which the change record was read, written in milliseconds.
    pub read_at: Option<Timestamp>,
    /// The number of change records of the transaction in all partitions.
    pub number_of_records_in_transaction: Option<i64>,
    /// The transaction tag.
    pub transaction_tag: Option<String>,
    /// True for a transaction of Spanner itself, such as a deletion by a TTL policy.
    pub system_transaction: Option<bool>,
    /// The value capture type of the change stream, such as `NEW_ROW`.
    pub value_capture_type: Option<String>,
    /// The partition token from which the record was read.
    pub partition_token: Option<String>,
    /// The position of the change in its change record, from 0.
    pub mod_number: Option<i32>,
    /// True for the last record of the transaction in its partition.
    pub is_last_record_in_transaction_in_partition: Option<bool>,
    /// The number of partitions with records of the transaction.
    pub number_of_partitions_in_transaction: Option<i64>,
}

impl SourceInfo {
    /// The record of these values, in Debezium's order.
    pub(super) fn into_record_value(self) -> FieldValue {
        let millis = |at: Option<Timestamp>| FieldValue::or_null(at.map(FieldValue::millis));
        let snapshot = self.snapshot.as_deref().unwrap_or("false");
        FieldValue::Record(vec![
            FieldValue::text(self.version),
            FieldValue::text(self.connector),
            FieldValue::text(self.name),
            FieldValue::millis(self.commit),
            FieldValue::text(snapshot),
            FieldValue::text(self.database.clone()),
            FieldValue::from(self.sequence),
            FieldValue::micros(self.commit),
            FieldValue::nanos(self.commit),
            FieldValue::text(self.project),
            FieldValue::text(self.instance),
            FieldValue::text(self.database),
            FieldValue::text(self.change_stream),
            FieldValue::text(self.table),
            FieldValue::from(self.server_transaction_id),
            FieldValue::from(self.record_sequence_prefix),
            millis(self.low_watermark),
            millis(self.read_at),
            FieldValue::from(self.number_of_records_in_transaction),
            FieldValue::from(self.transaction_tag),
            FieldValue::from(self.system_transaction),
            FieldValue::from(self.value_capture_type),
            FieldValue::from(self.partition_token),
            FieldValue::from(self.mod_number.map(i64::from)),
            FieldValue::from(self.is_last_record_in_transaction_in_partition),
            FieldValue::from(self.number_of_partitions_in_transaction),
        ])
    }
}
