//! Encodes published records: the bytes of a key or value, and the schema to register for them.
//!
//! [`Encoder`] is the way out of this crate. It chooses the language's `schema_text` and encoder in `avro`, `json`,
//! `json_schema` and `protobuf`, and puts Confluent's frame in front. Publish and the tests call it.

use std::sync::Arc;

use prost_reflect::MessageDescriptor;
use prost_reflect::prost::Message as _;

use crate::definition::{FieldValue, RecordDefinition};
use crate::language::Language;
use crate::protobuf::ProtobufSchema;
use crate::{AvroSchema, Error, ErrorKind, Result, avro, frame, json, json_schema, protobuf};

/// The encoding of published keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Confluent's wire format with an Avro schema.
    Avro,
    /// JSON text without a schema and without a frame.
    Json,
    /// Confluent's wire format with a JSON schema.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema.
    Protobuf,
}

/// Encodes the values of one record definition in one [`Encoding`].
#[derive(Debug, Clone)]
pub struct Encoder {
    record: Arc<RecordDefinition>,
    schema: EncoderSchema,
}

/// The schema of an [`Encoder`], in the language of its encoding.
#[derive(Debug, Clone)]
enum EncoderSchema {
    Avro(AvroSchema),
    /// Plain JSON has no schema.
    None,
    Json(Arc<str>),
    Protobuf(Arc<str>, MessageDescriptor),
}

impl Encoder {
    /// An encoder of `record`.
    ///
    /// # Errors
    /// [`ErrorKind::Underivable`] if the record's schema is invalid in the language of the encoding.
    pub fn new(encoding: Encoding, record: Arc<RecordDefinition>) -> Result<Self> {
        let underivable = |error: Error| {
            let message = format!("no schema can be derived for {}: {error}", record.full_name());
            Error::new(ErrorKind::Underivable, message)
        };
        let schema = match encoding {
            Encoding::Avro => {
                EncoderSchema::Avro(AvroSchema::parse(&avro::schema_text(&record)).map_err(underivable)?)
            }
            Encoding::Json => EncoderSchema::None,
            Encoding::JsonSchema => EncoderSchema::Json(json_schema::schema_text(&record).into()),
            Encoding::Protobuf => {
                let text = protobuf::schema_text(&record);
                let file = Arc::new(ProtobufSchema::parse(&text, &[]).map_err(underivable)?);
                let message = file.message(&[0]).ok_or_else(|| underivable(Error::mismatch()))?;
                EncoderSchema::Protobuf(text.into(), message.descriptor().clone())
            }
        };
        Ok(Self { record, schema })
    }

    /// The language and text of the schema to register; `None` for plain JSON.
    pub fn schema(&self) -> Option<(Language, &str)> {
        match &self.schema {
            EncoderSchema::Avro(schema) => Some((Language::Avro, schema.text())),
            EncoderSchema::None => None,
            EncoderSchema::Json(text) => Some((Language::Json, text)),
            EncoderSchema::Protobuf(text, _) => Some((Language::Protobuf, text)),
        }
    }

    /// The definition of the encoded records.
    pub fn record(&self) -> &Arc<RecordDefinition> {
        &self.record
    }

    /// Encodes a record. `id` is the id of [`Encoder::schema`] in the registry; plain JSON ignores it.
    ///
    /// # Errors
    /// [`ErrorKind::Encode`] with the path of the field if a value does not fit its field, or if a required value is
    /// null.
    pub fn encode(&self, id: u32, value: FieldValue) -> Result<Vec<u8>> {
        let FieldValue::Record(fields) = value else { return Err(Error::mismatch()) };
        if fields.len() != self.record.fields().len() {
            return Err(Error::mismatch());
        }
        match &self.schema {
            EncoderSchema::Avro(schema) => {
                avro::encode(id, schema, &avro::record_value(&self.record, fields)?)
            }
            EncoderSchema::None => {
                let mut bytes = Vec::new();
                json::write_record(&self.record, &fields, &mut bytes)?;
                Ok(bytes)
            }
            EncoderSchema::Json(_) => {
                let mut bytes = frame::start(id, frame::TYPICAL_PAYLOAD);
                json::write_record(&self.record, &fields, &mut bytes)?;
                Ok(bytes)
            }
            EncoderSchema::Protobuf(_, descriptor) => {
                let message = protobuf::record_message(&self.record, descriptor, fields)?;
                let mut bytes = frame::start(id, 1 + message.encoded_len());
                // The message index of the first message.
                bytes.push(0);
                message.encode(&mut bytes).map_err(|_| Error::mismatch())?;
                Ok(bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests;
