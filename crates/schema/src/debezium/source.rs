use apache_avro::types::Value as Avro;
use spanbridge_protocol::value::Timestamp;

use super::envelope::{micros, nanos, optional, record};

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
    pub(super) fn to_avro(&self) -> Avro {
        let text = |text: &str| Avro::String(text.to_owned());
        let maybe_text = |text: &Option<String>| optional(text.clone().map(Avro::String));
        let millis = |at: Option<Timestamp>| optional(at.map(|at| Avro::Long(at.timestamp_millis())));
        let snapshot = self.snapshot.as_deref().unwrap_or("false");
        record([
            ("version", text(&self.version)),
            ("connector", text(&self.connector)),
            ("name", text(&self.name)),
            ("ts_ms", Avro::Long(self.commit.timestamp_millis())),
            // The one union whose null comes second.
            ("snapshot", Avro::Union(0, Box::new(text(snapshot)))),
            ("db", text(&self.database)),
            ("sequence", maybe_text(&self.sequence)),
            ("ts_us", micros(self.commit)),
            ("ts_ns", nanos(self.commit)),
            ("project_id", text(&self.project)),
            ("instance_id", text(&self.instance)),
            ("database_id", text(&self.database)),
            ("change_stream_name", text(&self.change_stream)),
            ("table", text(&self.table)),
            ("server_transaction_id", maybe_text(&self.server_transaction_id)),
            ("record_sequence_prefix", maybe_text(&self.record_sequence_prefix)),
            ("low_watermark", millis(self.low_watermark)),
            ("read_at_timestamp", millis(self.read_at)),
            (
                "number_records_in_transaction",
                optional(self.number_of_records_in_transaction.map(Avro::Long)),
            ),
            ("transaction_tag", maybe_text(&self.transaction_tag)),
            ("system_transaction", optional(self.system_transaction.map(Avro::Boolean))),
            ("value_capture_type", maybe_text(&self.value_capture_type)),
            ("partition_token", maybe_text(&self.partition_token)),
            ("mod_number", optional(self.mod_number.map(Avro::Int))),
            (
                "is_last_record_in_transaction_in_partition",
                optional(self.is_last_record_in_transaction_in_partition.map(Avro::Boolean)),
            ),
            (
                "number_of_partitions_in_transaction",
                optional(self.number_of_partitions_in_transaction.map(Avro::Long)),
            ),
        ])
    }
}
