use crate::definition::{Allowed, Annotated, Field, Node, Record};
use crate::derive::RowSchema;
use crate::{Error, Kind, Result, Schema, name};

/// The values of `source.snapshot`, in Debezium's words.
const SNAPSHOT: &str = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";

/// The schema of a topic's envelopes, `{topic}.Envelope`.
#[derive(Debug, Clone)]
pub struct EnvelopeSchema {
    schema: Schema,
}

impl EnvelopeSchema {
    /// The schema for rows of that schema ([`crate::derive::row`]) in that topic.
    ///
    /// Fails with [`Kind::Underivable`].
    pub fn new(topic: &str, row: &RowSchema) -> Result<Self> {
        let record = Record::new(
            name::full(&format!("{topic}.Envelope")),
            Some(2),
            vec![
                Field::optional("before", Node::Record(row.record().clone())),
                Field::optional("after", Node::primitive(row.record().full_name())),
                Field::required("source", Node::Record(source())),
                Field::required("op", Node::primitive("string")),
                Field::optional("ts_ms", Node::primitive("long")),
                Field::optional("ts_us", Node::primitive("long")),
                Field::optional("ts_ns", Node::primitive("long")),
                Field::optional("transaction", Node::Record(transaction())),
            ],
        );
        let schema = Schema::parse(&record.text()).map_err(|error| {
            Error::new(Kind::Underivable, format!("no envelope schema for topic {topic}: {error}"))
        })?;
        Ok(Self { schema })
    }

    /// The Avro schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

fn source() -> Record {
    let required = |name, primitive| Field::required(name, Node::primitive(primitive));
    let optional = |name, primitive| Field::optional(name, Node::primitive(primitive));
    let snapshot = Node::Annotated(Annotated {
        primitive: "string",
        version: 1,
        parameters: Some(Allowed { allowed: SNAPSHOT }),
        default: Some("false"),
        name: "io.debezium.data.Enum",
    });
    Record::new(
        "com.google.spanner.connector.Source".to_owned(),
        Some(1),
        vec![
            required("version", "string"),
            required("connector", "string"),
            required("name", "string"),
            required("ts_ms", "long"),
            Field::defaulted("snapshot", snapshot, "false"),
            required("db", "string"),
            optional("sequence", "string"),
            optional("ts_us", "long"),
            optional("ts_ns", "long"),
            required("project_id", "string"),
            required("instance_id", "string"),
            required("database_id", "string"),
            required("change_stream_name", "string"),
            required("table", "string"),
            optional("server_transaction_id", "string"),
            optional("record_sequence_prefix", "string"),
            optional("low_watermark", "long"),
            optional("read_at_timestamp", "long"),
            optional("number_records_in_transaction", "long"),
            optional("transaction_tag", "string"),
            optional("system_transaction", "boolean"),
            optional("value_capture_type", "string"),
            optional("partition_token", "string"),
            optional("mod_number", "int"),
            optional("is_last_record_in_transaction_in_partition", "boolean"),
            optional("number_of_partitions_in_transaction", "long"),
        ],
    )
}

fn transaction() -> Record {
    Record::new(
        "event.block".to_owned(),
        Some(1),
        vec![
            Field::required("id", Node::primitive("string")),
            Field::required("total_order", Node::primitive("long")),
            Field::required("data_collection_order", Node::primitive("long")),
        ],
    )
}
