//! Definitions of published records, independent of a schema language.
//!
//! ```text
//! Spanner table ──▶ RowSchema ─┐                      ┌▶ avro::schema_text
//! envelope      ──▶ Envelope…  ├▶ RecordDefinition ───┼▶ json_schema::schema_text ──▶ Registry
//! heartbeat, …  ──▶ Auxiliary… ┘        ┆             └▶ protobuf::schema_text
//!                                   FieldValue ──▶ Encoder ──▶ bytes
//! ```
//!
//! A [`RecordDefinition`] has named fields of a [`FieldKind`]; a [`FieldValue`] is the value of such a field. The
//! modules `avro`, `json_schema` and `protobuf` write a definition as a schema, and encode its values. `evolution`
//! adapts a definition to the schema that a subject already has. Nothing here knows the registry or a wire format.

mod field_value;
pub(crate) mod name;
mod record;
mod type_mapping;

pub use field_value::FieldValue;
pub use record::RecordDefinition;
pub(crate) use record::{FieldDefinition, FieldKind, Presence};
pub use type_mapping::{TimestampEncoding, TypeMapping};

#[cfg(test)]
mod tests;
