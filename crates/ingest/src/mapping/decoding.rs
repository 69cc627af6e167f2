//! The decoders of a pipeline: from the bytes of a record's key and value to decoded values.

use spanbridge_config::{BareBytes as ConfigBareBytes, Decoding, Format as ConfigFormat, Ingest, Unwrap};
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::debezium::{self, ChangeEvent};
use spanbridge_schema::{
    BareBytes, Datum, DecodedPayload, Decoder, Error, ErrorKind, Format, Registry, SchemaHeader,
    WriterSchema, frame,
};

use super::map_error::MapError;
use super::variables::Variables;
use crate::policy::{self, Action};

/// The decoders of a pipeline's keys and values.
pub(super) struct Decoders {
    key: Decoder,
    value: Decoder,
    unwrap: Unwrap,
}

/// A decoded value, and the schema that it was written with.
pub(super) struct DecodedValue {
    pub(super) writer: Option<WriterSchema>,
    pub(super) body: ValueBody,
}

/// The value itself, or the change event that it contains.
pub(super) enum ValueBody {
    Plain(Datum),
    Event(Box<ChangeEvent>),
}

impl Decoders {
    pub(super) fn new(pipeline: &Ingest, registry: &Registry) -> Self {
        let decoder = |decoding: &Decoding| decoder(decoding, registry);
        Self { key: decoder(&pipeline.key), value: decoder(&pipeline.value), unwrap: pipeline.value.unwrap }
    }

    /// Returns decoders that keep Protobuf messages as bytes, for columns of type PROTO.
    pub(super) fn keep_messages(self) -> Self {
        Self { value: self.value.keep_messages(), key: self.key.keep_messages(), ..self }
    }

    /// Returns the variables that expressions may name.
    pub(super) fn variables(&self) -> Variables {
        self.unwrap.into()
    }

    /// Returns whether the values are change events.
    pub(super) fn unwraps_changes(&self) -> bool {
        self.unwrap != Unwrap::None
    }

    pub(super) async fn key(&self, record: &Record, bytes: &[u8]) -> Result<DecodedPayload, MapError> {
        let decoded =
            self.key.decode_with(header(record, frame::KEY_HEADER), bytes).await.map_err(|error| {
                match (self.key.format(), error.kind()) {
                    (Format::String | Format::Int64, _) => {
                        MapError::Record(Failure::new("SB-INGEST-KEY", format!("key: {error}")))
                    }
                    _ => map_error("key", &error),
                }
            })?;
        match (self.unwrap, self.key.format()) {
            // Kafka Connect's JSON converter wraps the key in the same envelope as the value.
            (Unwrap::Debezium | Unwrap::Connect, Format::Json) => {
                let value = debezium::apply_connect_schema(decoded.value)
                    .map_err(|error| map_error("key", &error))?;
                Ok(DecodedPayload { writer: None, value })
            }
            _ => Ok(decoded),
        }
    }

    pub(super) async fn value(&self, record: &Record, bytes: &[u8]) -> Result<DecodedValue, MapError> {
        let DecodedPayload { writer, value } = self
            .value
            .decode_with(header(record, frame::VALUE_HEADER), bytes)
            .await
            .map_err(|error| map_error("value", &error))?;
        let body = match self.unwrap {
            Unwrap::None => ValueBody::Plain(value),
            Unwrap::Connect => {
                ValueBody::Plain(debezium::unwrap_connect(value).map_err(|error| map_error("value", &error))?)
            }
            Unwrap::Debezium => ValueBody::Event(Box::new(
                ChangeEvent::from_datum(value).map_err(|error| map_error("value", &error))?,
            )),
        };
        Ok(DecodedValue { writer, body })
    }
}

impl DecodedValue {
    /// Returns the value itself, or the row of the change event.
    pub(super) fn row(&self) -> &Datum {
        match &self.body {
            ValueBody::Plain(value) => value,
            ValueBody::Event(event) => event.row(),
        }
    }

    pub(super) fn event(&self) -> Option<&ChangeEvent> {
        match &self.body {
            ValueBody::Plain(_) => None,
            ValueBody::Event(event) => Some(event),
        }
    }
}

/// Returns the decoder of a pipeline's keys or values. It does not unwrap change events.
pub(crate) fn decoder(decoding: &Decoding, registry: &Registry) -> Decoder {
    let format = match decoding.format {
        ConfigFormat::Avro => Format::Avro,
        ConfigFormat::Json => Format::Json,
        ConfigFormat::JsonSchema => Format::JsonSchema,
        ConfigFormat::Protobuf => Format::Protobuf,
        ConfigFormat::String => Format::String,
        ConfigFormat::Int64 => Format::Int64,
        ConfigFormat::Bytes => Format::Bytes,
        ConfigFormat::None => Format::None,
    };
    let bare_bytes = match decoding.bare_bytes {
        ConfigBareBytes::Raw => BareBytes::Raw,
        ConfigBareBytes::Prefixed => BareBytes::Prefixed,
    };
    let decoder = Decoder::new(format, registry.clone()).bare_bytes(bare_bytes);
    match &decoding.message {
        Some(message) => decoder.only_message(message),
        None => decoder,
    }
}

/// Returns the header of the record that names the schema of its key or value.
fn header<'r>(record: &'r Record, name: &'static str) -> Option<SchemaHeader<'r>> {
    let headers = record.headers.iter();
    SchemaHeader::find(headers.map(|(name, value)| (name.as_str(), value.as_deref())), name)
}

/// Decides what an error of the decoder or the registry means for the record.
fn map_error(part: &str, error: &Error) -> MapError {
    match policy::schema(error.kind()) {
        Action::Retry => MapError::Unavailable(error.to_string()),
        Action::Blame => {
            MapError::Record(Failure::new(dead_letter_code(error.kind()), format!("{part}: {error}")))
        }
        _ => MapError::Stop(policy::schema_failure(error.kind()), format!("{part}: {error}")),
    }
}

/// Returns the stable code of a dead letter.
fn dead_letter_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnknownSchema => "SB-INGEST-UNKNOWN-SCHEMA",
        ErrorKind::UnusableSchema => "SB-INGEST-UNUSABLE-SCHEMA",
        ErrorKind::Frame => "SB-INGEST-FRAME",
        ErrorKind::TooLarge => "SB-INGEST-TOO-LARGE",
        ErrorKind::Envelope => "SB-INGEST-UNWRAP",
        _ => "SB-INGEST-DECODE",
    }
}
