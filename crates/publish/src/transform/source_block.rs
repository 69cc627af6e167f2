//! Debezium's `source` field.

use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::debezium::SourceInfo;

use super::record_source::RecordSource;
use super::table_transform::TableTransform;

/// Debezium's name for Spanner.
const CONNECTOR: &str = "spanner";

/// Debezium's `source` field with what changes and snapshot rows have in common. `commit` is the row's timestamp, `read`
/// the time when it was read.
pub(super) fn source_block(
    transform: &TableTransform,
    source: &RecordSource,
    commit: Timestamp,
    read: Timestamp,
) -> SourceInfo {
    SourceInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        connector: CONNECTOR.to_owned(),
        name: source.pipeline.clone(),
        commit,
        snapshot: None,
        sequence: None,
        project: source.database.project.clone(),
        instance: source.database.instance.clone(),
        database: source.database.database.clone(),
        change_stream: source.change_stream.clone(),
        table: transform.table().to_owned(),
        server_transaction_id: None,
        record_sequence_prefix: None,
        low_watermark: None,
        read_at: Some(read),
        number_of_records_in_transaction: None,
        transaction_tag: None,
        system_transaction: None,
        value_capture_type: None,
        partition_token: None,
        mod_number: None,
        is_last_record_in_transaction_in_partition: None,
        number_of_partitions_in_transaction: None,
    }
}
