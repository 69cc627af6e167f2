//! Decodes keys and values: from bytes in any [`Format`] to a [`Datum`].
//!
//! ```text
//!              ┌ frame::split ─▶ schema id ─▶ Registry ─▶ RegistrySchema ┐
//! bytes ─▶ Decoder                                                       ├▶ avro::decode        ┐
//!              │                 └▶ payload ──────────────────────────── ┤  json_schema::decode ├▶ Datum
//!              │                                                         └▶ protobuf::decode    │
//!              └ formats without a schema ─▶ json::decode, plain ───────────────────────────────┘
//! ```
//!
//! [`Decoder`] is the way into this crate; ingest has one for the keys and one for the values of a pipeline. Payloads
//! come from outside and may be hostile: every decoder checks its payload against [`Limits`] before it allocates
//! memory, and no error message quotes a payload. Nothing here knows columns; [`convert`](crate::convert) does.

#[doc(hidden)]
pub mod fuzz;
mod plain;

use std::borrow::Cow;
use std::sync::Arc;

use crate::avro::BareBytes;
use crate::datum::Datum;
use crate::frame::SchemaId;
use crate::limits::Limits;
use crate::protobuf::MessageType;
use crate::registry::Registry;
use crate::registry_schema::RegistrySchema;
use crate::{Error, ErrorKind, Result, avro, frame, json, json_schema, protobuf};

/// The encoding of a consumed key or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Confluent's wire format with an Avro schema.
    Avro,
    /// Confluent's wire format with a JSON schema, which validates the JSON text.
    JsonSchema,
    /// Confluent's wire format with a Protobuf schema.
    Protobuf,
    /// JSON text without a schema.
    Json,
    /// UTF-8 text.
    String,
    /// A 64-bit integer in eight bytes, big-endian, as Kafka's `LongSerializer` writes it.
    Int64,
    /// Bytes, unchanged.
    Bytes,
    /// Null. The bytes are not decoded.
    None,
}

/// Decodes payloads of one [`Format`], each with the schema with which it was written.
#[derive(Debug, Clone)]
pub struct Decoder {
    format: Format,
    registry: Registry,
    limits: Limits,
    keep_messages: bool,
    /// The full name of the only Protobuf message that payloads may contain.
    message: Option<Arc<str>>,
    bare_bytes: BareBytes,
}

/// A decoded payload.
#[derive(Debug, Clone)]
pub struct DecodedPayload {
    /// The writer's schema; `None` for a format without a schema.
    pub writer: Option<WriterSchema>,
    /// The value.
    pub value: Datum,
}

/// The schema with which a payload was written, Avro's "writer's schema".
#[derive(Debug, Clone)]
pub struct WriterSchema {
    /// The id or the GUID in the registry.
    pub id: SchemaId,
    /// The schema. For Protobuf it is the message that the payload's index names, not the whole file.
    pub schema: RegistrySchema,
}

/// A header of a record that names the schema of the key or the value.
#[derive(Debug, Clone, Copy)]
pub struct SchemaHeader<'a> {
    /// [`frame::KEY_HEADER`] or [`frame::VALUE_HEADER`].
    pub name: &'static str,
    /// The bytes.
    pub value: &'a [u8],
}

impl<'a> SchemaHeader<'a> {
    /// Returns the last header with this name, if the record has one.
    pub fn find<'n>(
        headers: impl IntoIterator<Item = (&'n str, Option<&'a [u8]>)>,
        name: &'static str,
    ) -> Option<Self> {
        let found = headers.into_iter().filter(|(header, _)| *header == name).last()?;
        found.1.map(|value| Self { name, value })
    }
}

impl Decoder {
    /// A decoder with the default [`Limits`]. It calls the registry only for formats with a schema.
    pub fn new(format: Format, registry: Registry) -> Self {
        Self::with_limits(format, registry, Limits::default())
    }

    /// A decoder with other limits.
    pub fn with_limits(format: Format, registry: Registry, limits: Limits) -> Self {
        Self { format, registry, limits, keep_messages: false, message: None, bare_bytes: BareBytes::Raw }
    }

    /// The same decoder, but each Protobuf record also holds its encoded message: see [`Record::encoded`]. This
    /// encodes each message once more.
    ///
    /// [`Record::encoded`]: crate::datum::Record::encoded
    #[must_use]
    pub fn keep_messages(self) -> Self {
        Self { keep_messages: true, ..self }
    }

    /// The same decoder, but a Protobuf payload with another message than this full name is [`ErrorKind::Payload`].
    #[must_use]
    pub fn only_message(self, name: &str) -> Self {
        Self { message: Some(name.into()), ..self }
    }

    /// The same decoder, but values of a whole Avro schema of type bytes are written in this way.
    #[must_use]
    pub fn bare_bytes(self, bare_bytes: BareBytes) -> Self {
        Self { bare_bytes, ..self }
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Decodes one payload.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`], [`ErrorKind::Payload`] or [`ErrorKind::TooLarge`] for the payload;
    /// [`ErrorKind::UnusableSchema`] if the schema is in another language than the format; and the errors of
    /// [`Registry::schema`].
    pub async fn decode(&self, bytes: &[u8]) -> Result<DecodedPayload> {
        self.decode_with(None, bytes).await
    }

    /// Decodes one payload, whose schema a header of the record may name. The header takes precedence over a prefix of
    /// the payload, as in Confluent's deserializers. Formats without a schema ignore it.
    ///
    /// # Errors
    /// The errors of [`Self::decode`].
    pub async fn decode_with(
        &self,
        header: Option<SchemaHeader<'_>>,
        bytes: &[u8],
    ) -> Result<DecodedPayload> {
        let without_schema = |value: Result<Datum>| value.map(|value| DecodedPayload { writer: None, value });
        match self.format {
            Format::Avro | Format::JsonSchema | Format::Protobuf => self.decode_framed(header, bytes).await,
            Format::Json => without_schema(json::decode(bytes, self.limits)),
            Format::String => without_schema(plain::string(bytes)),
            Format::Int64 => without_schema(plain::int64(bytes)),
            Format::Bytes => without_schema(Ok(Datum::Bytes(bytes.to_vec()))),
            Format::None => without_schema(Ok(Datum::Null)),
        }
    }

    async fn decode_framed(&self, header: Option<SchemaHeader<'_>>, bytes: &[u8]) -> Result<DecodedPayload> {
        let (id, payload) = match header {
            None => frame::split(bytes).map(|(id, payload)| (id, Cow::Borrowed(payload)))?,
            Some(header) => match frame::split_header(header.value, header.name)? {
                // The header of a Protobuf payload ends with the index of the message.
                (id, index) if self.format == Format::Protobuf => (id, Cow::Owned([index, bytes].concat())),
                (id, _) => (id, Cow::Borrowed(bytes)),
            },
        };
        let payload = &*payload;
        let schema = match self.registry.schema(id).await {
            // No record header says that this is a GUID. A payload that merely begins with 1 must not wait for another
            // registry.
            Err(error) if header.is_none() && id.is_guid() && error.kind() == ErrorKind::Configuration => {
                let message = "the payload starts with byte 0x01, like one with a schema's GUID, but the registry has no \
                               endpoint for GUIDs; check the producer's serializer";
                return Err(Error::new(ErrorKind::Frame, message));
            }
            schema => schema?,
        };
        let decoded = match (self.format, schema) {
            (Format::Avro, RegistrySchema::Avro(schema)) => {
                let value = match self.bare_bytes {
                    BareBytes::Raw if avro::is_bare_bytes(&schema) => avro::with_length(payload)
                        .and_then(|payload| avro::decode_within(&schema, &payload, self.limits)),
                    _ => avro::decode_within(&schema, payload, self.limits),
                };
                value.map(|value| (RegistrySchema::Avro(schema), value))
            }
            (Format::JsonSchema, RegistrySchema::Json(schema)) => {
                json_schema::decode(&schema, payload, self.limits)
                    .map(|value| (RegistrySchema::Json(schema), value))
            }
            (Format::Protobuf, RegistrySchema::Protobuf(schema)) => {
                protobuf::decode(&schema, payload, self.limits, self.keep_messages)
                    .and_then(|(message, value)| self.with_expected(message, value))
            }
            (format, schema) => Err(Error::new(
                ErrorKind::UnusableSchema,
                format!(
                    "the schema is {}, but the pipeline expects {format}; set the pipeline's `format` or fix the producer",
                    schema.language()
                ),
            )),
        };
        let (schema, value) =
            decoded.map_err(|error| Error::new(error.kind(), format!("schema id {id}: {error}")))?;
        Ok(DecodedPayload { writer: Some(WriterSchema { id, schema }), value })
    }

    /// Returns a decoded message if it is one that payloads may contain.
    fn with_expected(&self, message: MessageType, value: Datum) -> Result<(RegistrySchema, Datum)> {
        match &self.message {
            Some(expected) if **expected != *message.name() => {
                let text = format!("the record contains the message {}, not {expected}", message.name());
                Err(Error::new(ErrorKind::Payload, text))
            }
            _ => Ok((RegistrySchema::Message(message), value)),
        }
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
