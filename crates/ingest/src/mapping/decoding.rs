//! Bytes of a record to what expressions see of it.

use spanbridge_config::{Decoding, Format as ConfigFormat, Ingest, Unwrap};
use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::debezium::{self, ChangeEvent};
use spanbridge_schema::{Datum, DecodedPayload, Decoder, Error, ErrorKind, Format, Registry, WriterSchema};

use super::record::Fault;
use super::variables::Variables;
use crate::policy::{self, Action};

/// The decoders of a pipeline's keys and values.
pub(super) struct Decoders {
    key: Decoder,
    value: Decoder,
    unwrap: Unwrap,
}

/// A decoded value.
pub(super) struct Content {
    pub(super) writer: Option<WriterSchema>,
    pub(super) body: Body,
}

/// The value itself, or the change that it is an event of.
pub(super) enum Body {
    Plain(Datum),
    Event(Box<ChangeEvent>),
}

impl Decoders {
    pub(super) fn new(pipeline: &Ingest, registry: &Registry) -> Self {
        let decoder = |of: &Decoding| decoder(of, registry);
        Self { key: decoder(&pipeline.key), value: decoder(&pipeline.value), unwrap: pipeline.value.unwrap }
    }

    /// The same, for columns that hold messages.
    pub(super) fn keep_messages(self) -> Self {
        Self { value: self.value.keep_messages(), key: self.key.keep_messages(), ..self }
    }

    /// What expressions may name.
    pub(super) fn variables(&self) -> Variables {
        self.unwrap.into()
    }

    pub(super) async fn key(&self, bytes: &[u8]) -> Result<DecodedPayload, Fault> {
        let decoded =
            self.key.decode(bytes).await.map_err(|error| match (self.key.format(), error.kind()) {
                (Format::String | Format::Int64, _) => {
                    Fault::Record(Failure::new("SB-INGEST-KEY", format!("key: {error}")))
                }
                _ => fault("key", &error),
            })?;
        match (self.unwrap, self.key.format()) {
            // The converter that wraps the value wraps the key too.
            (Unwrap::Debezium, Format::Json) => {
                let value =
                    debezium::apply_connect_schema(decoded.value).map_err(|error| fault("key", &error))?;
                Ok(DecodedPayload { writer: None, value })
            }
            _ => Ok(decoded),
        }
    }

    pub(super) async fn value(&self, bytes: &[u8]) -> Result<Content, Fault> {
        let DecodedPayload { writer, value } =
            self.value.decode(bytes).await.map_err(|error| fault("value", &error))?;
        let body = match self.unwrap {
            Unwrap::None => Body::Plain(value),
            Unwrap::Debezium => {
                Body::Event(Box::new(ChangeEvent::from_datum(value).map_err(|error| fault("value", &error))?))
            }
        };
        Ok(Content { writer, body })
    }
}

impl Content {
    pub(super) fn row(&self) -> &Datum {
        match &self.body {
            Body::Plain(value) => value,
            Body::Event(event) => event.row(),
        }
    }

    pub(super) fn event(&self) -> Option<&ChangeEvent> {
        match &self.body {
            Body::Plain(_) => None,
            Body::Event(event) => Some(event),
        }
    }
}

/// The decoder of a pipeline's keys or values, before any unwrapping.
pub fn decoder(of: &Decoding, registry: &Registry) -> Decoder {
    let format = match of.format {
        ConfigFormat::Avro => Format::Avro,
        ConfigFormat::Json => Format::Json,
        ConfigFormat::JsonSchema => Format::JsonSchema,
        ConfigFormat::Protobuf => Format::Protobuf,
        ConfigFormat::String => Format::String,
        ConfigFormat::Int64 => Format::Int64,
        ConfigFormat::Bytes => Format::Bytes,
        ConfigFormat::None => Format::None,
    };
    Decoder::new(format, registry.clone())
}

fn fault(part: &str, error: &Error) -> Fault {
    match policy::schema(error.kind()) {
        Action::Retry => Fault::Unavailable(error.to_string()),
        Action::Blame => Fault::Record(Failure::new(code(error.kind()), format!("{part}: {error}"))),
        _ => Fault::Stop(format!("{part}: {error}")),
    }
}

/// Stable codes of dead letters.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnknownSchema => "SB-INGEST-UNKNOWN-SCHEMA",
        ErrorKind::UnusableSchema => "SB-INGEST-UNUSABLE-SCHEMA",
        ErrorKind::Frame => "SB-INGEST-FRAME",
        ErrorKind::TooLarge => "SB-INGEST-TOO-LARGE",
        ErrorKind::Envelope => "SB-INGEST-UNWRAP",
        _ => "SB-INGEST-DECODE",
    }
}
