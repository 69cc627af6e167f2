//! Change records and snapshot rows, transformed to Kafka messages.
//!
//! [`crate::tables`] makes a [`TableTransform`] for each table and keeps it. The transform holds the table's schemas and
//! serializers, and reports when a change does not fit it. Everything here is a function of its arguments, except that
//! [`Serializer::register`] talks to the schema registry. Nothing here reads Spanner or writes to Kafka.
//!
//! ```text
//! change record ──▶ TableTransform::mismatch ──▶ change_messages ──┐
//!                        │ does not fit                            ├─▶ row_values ─▶ encode by schema ─▶ Message
//!                        ▼                        snapshot_message ┘        record_schemas   serializer
//!                   SchemaAdjustments ─▶ a new TableTransform
//! ```
//!
//! ```text
//! record_format        what all records of a pipeline have in common: envelope, style, formats, headers
//! ├─ serializer_settings  format and subject name strategy of keys or values
//! └─ headers           fixed headers and CloudEvents attributes
//! record_timestamp     the timestamp of a record: its publication or its commit
//! record_schemas       the schemas of one table's records, independent of the format
//! serializer           an encoder and the id of its registered schema
//! table_transform      schemas, serializers and columns of one table
//! ├─ schema_mismatch   how a change differs from the transform
//! ├─ schema_adjustments   what a new transform must allow for
//! └─ change_key        the primary key that a change records
//! change_messages      the messages of a change record
//! ├─ change_metadata   token, times and position of the record
//! ├─ row_values        decoded values by column
//! ├─ source_block      Debezium's `source` field
//! └─ value_capture     what a value capture type contains
//! snapshot_messages    the message of a row, and keys as text
//! └─ record_source     pipeline, database and change stream
//! ```

mod change_key;
mod change_messages;
mod change_metadata;
mod headers;
mod record_format;
mod record_schemas;
mod record_source;
mod record_timestamp;
mod row_values;
mod schema_adjustments;
mod schema_mismatch;
mod serializer;
mod serializer_settings;
mod snapshot_messages;
mod source_block;
mod table_transform;
#[cfg(test)]
mod tests;
mod value_capture;

pub(crate) use change_key::{has_same_key, table_of_change};
pub(crate) use change_messages::change_messages;
pub(crate) use change_metadata::{ChangeMetadata, PrecedingEvents};
pub(crate) use record_format::RecordFormat;
pub(crate) use record_schemas::RecordSchemas;
pub(crate) use record_source::RecordSource;
pub(crate) use record_timestamp::timestamp_ms;
pub(crate) use schema_adjustments::SchemaAdjustments;
pub(crate) use schema_mismatch::SchemaMismatch;
pub(crate) use serializer::{RegistryAnswer, Serializer};
pub(crate) use serializer_settings::SerializerSettings;
pub(crate) use snapshot_messages::{key_text, key_values, read_columns, snapshot_message};
pub(crate) use table_transform::TableTransform;
pub(crate) use value_capture::has_whole_rows;
