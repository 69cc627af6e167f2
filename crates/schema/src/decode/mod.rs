//! Bytes of a key or value to a [`Datum`], in each of the formats, safe against hostile bytes.

pub(crate) mod avro;
#[doc(hidden)]
pub mod fuzz;
pub(crate) mod json;
pub(crate) mod json_schema;
mod limits;
mod plain;
pub(crate) mod protobuf;

use crate::datum::Datum;
use crate::registry::{Registry, WriterSchema};
use crate::{Error, Kind, Result, frame};

pub use limits::Limits;

/// How a key or value is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Confluent's wire format, Avro.
    Avro,
    /// Confluent's wire format, JSON text that its schema validates.
    JsonSchema,
    /// Confluent's wire format, Protobuf.
    Protobuf,
    /// JSON text without a schema.
    Json,
    /// UTF-8.
    String,
    /// Eight bytes, big endian.
    Int64,
    /// As it is.
    Bytes,
    /// Not decoded: null.
    None,
}

/// Decodes payloads of one format, each with the schema that it was written with.
#[derive(Debug, Clone)]
pub struct Decoder {
    format: Format,
    registry: Registry,
    limits: Limits,
    keep_messages: bool,
}

/// A decoded payload.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The schema that it was written with, for the formats of the registry.
    pub writer: Option<Writer>,
    pub value: Datum,
}

/// The schema that a payload was written with.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Of the registry.
    pub id: u32,
    pub schema: WriterSchema,
}

impl Decoder {
    /// A decoder with the default [`Limits`]; the registry is asked only for formats that have one.
    pub fn new(format: Format, registry: Registry) -> Self {
        Self::with_limits(format, registry, Limits::default())
    }

    /// A decoder with these limits.
    pub fn with_limits(format: Format, registry: Registry, limits: Limits) -> Self {
        Self { format, registry, limits, keep_messages: false }
    }

    /// The same, whose records of Protobuf have their messages with them: see [`Record::encoded`]. It costs one more
    /// encoding for each message.
    ///
    /// [`Record::encoded`]: crate::Record::encoded
    #[must_use]
    pub fn keep_messages(self) -> Self {
        Self { keep_messages: true, ..self }
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Decodes one payload.
    ///
    /// Fails with [`Kind::Frame`], [`Kind::Payload`], [`Kind::TooLarge`], or as
    /// [`Registry::writer_schema`] does.
    pub async fn decode(&self, bytes: &[u8]) -> Result<Decoded> {
        let plain = |value: Result<Datum>| value.map(|value| Decoded { writer: None, value });
        match self.format {
            Format::Avro | Format::JsonSchema | Format::Protobuf => self.registered(bytes).await,
            Format::Json => plain(json::decode(bytes, self.limits)),
            Format::String => plain(plain::string(bytes)),
            Format::Int64 => plain(plain::int64(bytes)),
            Format::Bytes => plain(Ok(Datum::Bytes(bytes.to_vec()))),
            Format::None => plain(Ok(Datum::Null)),
        }
    }

    async fn registered(&self, bytes: &[u8]) -> Result<Decoded> {
        let (id, payload) = frame::split(bytes)?;
        let schema = self.registry.writer(id).await?;
        let decoded = match (self.format, schema) {
            (Format::Avro, WriterSchema::Avro(schema)) => {
                avro::decode(&schema, payload, self.limits).map(|value| (WriterSchema::Avro(schema), value))
            }
            (Format::JsonSchema, WriterSchema::Json(schema)) => {
                json_schema::decode(&schema, payload, self.limits)
                    .map(|value| (WriterSchema::Json(schema), value))
            }
            (Format::Protobuf, WriterSchema::Protobuf(schema)) => {
                let first = protobuf::decode(&schema, payload, self.limits, self.keep_messages);
                first.map(|(message, value)| (WriterSchema::Message(message), value))
            }
            (format, schema) => Err(Error::new(
                Kind::UnusableSchema,
                format!("it is {}, but the pipeline expects {format}", schema.language()),
            )),
        };
        let (schema, value) =
            decoded.map_err(|error| Error::new(error.kind(), format!("schema id {id}: {error}")))?;
        Ok(Decoded { writer: Some(Writer { id, schema }), value })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Avro => "Avro",
            Self::JsonSchema => "JSON Schema",
            Self::Protobuf => "Protobuf",
            Self::Json => "JSON",
            Self::String => "a string",
            Self::Int64 => "an int64",
            Self::Bytes => "bytes",
            Self::None => "nothing",
        })
    }
}
