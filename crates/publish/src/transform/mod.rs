//! Change records to Kafka messages.

mod headers;
mod message;
mod record_format;
mod record_schemas;
mod record_source;
mod row;
mod serializer_settings;
mod snapshot;
mod table_transform;
#[cfg(test)]
mod tests;
mod value_capture;

pub(crate) use record_format::RecordFormat;
pub(crate) use record_schemas::{CompatibilityAnswer, RecordSchemas, Serializer};
pub(crate) use record_source::{ChangeMetadata, PrecedingEvents, RecordSource};
pub(crate) use serializer_settings::SerializerSettings;
pub(crate) use snapshot::key_text;
pub(crate) use table_transform::{SchemaAdjustments, SchemaMismatch, TableTransform, has_key_of, table_of};
pub(crate) use value_capture::has_whole_rows;
