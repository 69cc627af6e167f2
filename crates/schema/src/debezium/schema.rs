use std::sync::Arc;

use spanbridge_protocol::value::Type;

use crate::definition::{Field, Node, Record, plain};
use crate::derive::RowSchema;

/// The records that a topic's envelopes are made of.
#[derive(Debug, Clone)]
pub struct EnvelopeSchema {
    record: Arc<Record>,
    extended: bool,
}

impl EnvelopeSchema {
    /// The envelope of rows in that topic, `{topic}.Envelope`. An extended one has what Debezium's has not:
    /// `unchanged`, the names of the columns that an update has left as they were and that are not captured.
    pub fn new(topic: &str, before: &RowSchema, after: &RowSchema, extended: bool) -> Self {
        let mut fields = vec![
            Field::optional("before", Node::Record(before.record().clone())),
            Field::optional("after", Node::Record(after.record().clone())),
            Field::required("source", Node::Record(Arc::new(source()))),
            Field::required("op", plain(Type::String)),
            Field::optional("ts_ms", plain(Type::Int64)),
            Field::optional("ts_us", plain(Type::Int64)),
            Field::optional("ts_ns", plain(Type::Int64)),
            Field::optional("transaction", Node::Record(Arc::new(block()))),
        ];
        if extended {
            fields.push(Field::optional("unchanged", Node::Names));
        }
        let record = Record::new(&format!("{topic}.Envelope"), Some(2), fields);
        Self { record: Arc::new(record), extended }
    }

    /// The record.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// True if it has what Debezium's has not.
    pub fn is_extended(&self) -> bool {
        self.extended
    }
}

fn source() -> Record {
    let required = |name, ty| Field::required(name, plain(ty));
    let optional = |name, ty| Field::optional(name, plain(ty));
    Record::new(
        "com.google.spanner.connector.Source",
        Some(1),
        vec![
            required("version", Type::String),
            required("connector", Type::String),
            required("name", Type::String),
            required("ts_ms", Type::Int64),
            Field::defaulted("snapshot", Node::Snapshot, "false"),
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
            Field::optional("mod_number", Node::Int32),
            optional("is_last_record_in_transaction_in_partition", Type::Bool),
            optional("number_of_partitions_in_transaction", Type::Int64),
        ],
    )
}

fn block() -> Record {
    Record::new(
        "event.block",
        Some(1),
        vec![
            Field::required("id", plain(Type::String)),
            Field::required("total_order", plain(Type::Int64)),
            Field::required("data_collection_order", plain(Type::Int64)),
        ],
    )
}
