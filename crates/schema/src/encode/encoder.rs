use std::sync::Arc;

use prost_reflect::MessageDescriptor;
use prost_reflect::prost::Message as _;

use super::{Item, avro, json, mismatch, protobuf};
use crate::definition::{self, Record};
use crate::protobuf::Protobuf;
use crate::{Error, Kind, Result, Schema, frame};

/// How published keys and values are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Confluent's wire format with an Avro schema.
    Avro,
    /// JSON without a schema.
    Json,
    /// Confluent's wire format with a JSON schema.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema.
    Protobuf,
}

/// A schema language, as registries name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    Avro,
    Json,
    Protobuf,
}

/// Encodes the items of one record in one format.
#[derive(Debug, Clone)]
pub struct Encoder {
    record: Arc<Record>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Avro(Schema),
    Json,
    JsonSchema(Arc<str>),
    Protobuf(Arc<str>, MessageDescriptor),
}

impl Encoder {
    /// Fails with [`Kind::Underivable`] when the format refuses the record's schema.
    pub fn new(encoding: Encoding, record: Arc<Record>) -> Result<Self> {
        let refused = |error: Error| {
            let message = format!("no schema for {}: {error}", record.full_name());
            Error::new(Kind::Underivable, message)
        };
        let form = match encoding {
            Encoding::Avro => Form::Avro(Schema::parse(&definition::avro::text(&record)).map_err(refused)?),
            Encoding::Json => Form::Json,
            Encoding::JsonSchema => Form::JsonSchema(definition::json_schema::text(&record).into()),
            Encoding::Protobuf => {
                let text = definition::protobuf::text(&record);
                let file = Arc::new(Protobuf::parse(&text, &[]).map_err(refused)?);
                let message = file.message(&[0]).ok_or_else(|| refused(mismatch()))?;
                Form::Protobuf(text.into(), message.descriptor().clone())
            }
        };
        Ok(Self { record, form })
    }

    /// The schema to register; none for plain JSON.
    pub fn schema(&self) -> Option<(Language, &str)> {
        match &self.form {
            Form::Avro(schema) => Some((Language::Avro, schema.text())),
            Form::Json => None,
            Form::JsonSchema(text) => Some((Language::Json, text)),
            Form::Protobuf(text, _) => Some((Language::Protobuf, text)),
        }
    }

    /// What it encodes.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// The payload of a record's fields; `id` is the schema's in the registry, which plain JSON has none of.
    ///
    /// Fails with [`Kind::Encode`], naming the field, when a value does not fit it or a required one is missing.
    pub fn encode(&self, id: u32, item: Item) -> Result<Vec<u8>> {
        let Item::Record(fields) = item else { return Err(mismatch()) };
        if fields.len() != self.record.fields().len() {
            return Err(mismatch());
        }
        match &self.form {
            Form::Avro(schema) => super::encode(id, schema, &avro::record(&self.record, fields)?),
            Form::Json => {
                let mut bytes = Vec::new();
                json::write(&self.record, &fields, &mut bytes)?;
                Ok(bytes)
            }
            Form::JsonSchema(_) => {
                let mut bytes = frame::start(id, super::TYPICAL);
                json::write(&self.record, &fields, &mut bytes)?;
                Ok(bytes)
            }
            Form::Protobuf(_, descriptor) => {
                let message = protobuf::record(&self.record, descriptor, fields)?;
                let mut bytes = frame::start(id, 1 + message.encoded_len());
                // The index of the first message.
                bytes.push(0);
                message.encode(&mut bytes).map_err(|_| mismatch())?;
                Ok(bytes)
            }
        }
    }
}

impl Language {
    /// The registry's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }
}
