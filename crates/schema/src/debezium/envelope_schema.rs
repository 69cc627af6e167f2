//! The schema of a published envelope.

use std::sync::Arc;

use spanbridge_protocol::value::Type;

use crate::definition::{FieldDefinition, FieldKind, RecordDefinition};
use crate::row_schema::RowSchema;

/// The definition of the envelopes in one topic.
#[derive(Debug, Clone)]
pub struct EnvelopeSchema {
    record: Arc<RecordDefinition>,
    extended: bool,
}

impl EnvelopeSchema {
    /// The envelope of the rows in `topic`, named `{topic}.Envelope`.
    ///
    /// An extended envelope has a field that Debezium lacks: `unchanged`, the names of the columns that an update left
    /// unchanged and that the change stream did not capture.
    pub fn new(topic: &str, before: &RowSchema, after: &RowSchema, extended: bool) -> Self {
        let mut fields = vec![
            FieldDefinition::optional("before", FieldKind::Record(before.record().clone())),
            FieldDefinition::optional("after", FieldKind::Record(after.record().clone())),
            FieldDefinition::required("source", FieldKind::Record(Arc::new(source_record()))),
            FieldDefinition::required("op", FieldKind::plain(Type::String)),
            FieldDefinition::optional("ts_ms", FieldKind::plain(Type::Int64)),
            FieldDefinition::optional("ts_us", FieldKind::plain(Type::Int64)),
            FieldDefinition::optional("ts_ns", FieldKind::plain(Type::Int64)),
            FieldDefinition::optional("transaction", FieldKind::Record(Arc::new(transaction_record()))),
        ];
        if extended {
            fields.push(FieldDefinition::optional("unchanged", FieldKind::Names));
        }
        let record = RecordDefinition::new(&format!("{topic}.Envelope"), Some(2), fields);
        Self { record: Arc::new(record), extended }
    }

    /// The definition of the record.
    pub fn record(&self) -> &Arc<RecordDefinition> {
        &self.record
    }

    /// True if the envelope has the field `unchanged`.
    pub fn is_extended(&self) -> bool {
        self.extended
    }
}

/// Debezium's `source`, with the fields of its Spanner connector.
fn source_record() -> RecordDefinition {
    let required = |name, ty| FieldDefinition::required(name, FieldKind::plain(ty));
    let optional = |name, ty| FieldDefinition::optional(name, FieldKind::plain(ty));
    RecordDefinition::new(
        "com.google.spanner.connector.Source",
        Some(1),
        vec![
            required("version", Type::String),
            required("connector", Type::String),
            required("name", Type::String),
            required("ts_ms", Type::Int64),
            FieldDefinition::defaulted("snapshot", FieldKind::Snapshot, "false"),
            required("db", Type::String),
            optional("sequence", Type::String),
            optional("ts_us", Type::Int64),
            optional("ts_ns", Type::Int64),
            required("project_id", Type::String),
            required("instance_id", Type::String),
            required("database_id", Type::String),
            required("change_stream_name", Type::String),
            required("table", Type::String),
            optional("server_transaction_id", Type::String),
            optional("record_sequence_prefix", Type::String),
            optional("low_watermark", Type::Int64),
            optional("read_at_timestamp", Type::Int64),
            optional("number_records_in_transaction", Type::Int64),
            optional("transaction_tag", Type::String),
            optional("system_transaction", Type::Bool),
            optional("value_capture_type", Type::String),
            optional("partition_token", Type::String),
            FieldDefinition::optional("mod_number", FieldKind::Int32),
            optional("is_last_record_in_transaction_in_partition", Type::Bool),
            optional("number_of_partitions_in_transaction", Type::Int64),
        ],
    )
}

/// Debezium's `transaction`.
fn transaction_record() -> RecordDefinition {
    RecordDefinition::new(
        "event.block",
        Some(1),
        vec![
            FieldDefinition::required("id", FieldKind::plain(Type::String)),
            FieldDefinition::required("total_order", FieldKind::plain(Type::Int64)),
            FieldDefinition::required("data_collection_order", FieldKind::plain(Type::Int64)),
        ],
    )
}
