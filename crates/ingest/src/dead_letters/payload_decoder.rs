use spanbridge_config::{Config, Decoding, Format, Ingest};
use spanbridge_schema::{Datum, Registry, SchemaHeader, frame};

use super::DeadLetter;
use crate::mapping::decoder;

/// Decodes the keys and values of one pipeline's dead letters for display.
///
/// A dead letter often exists because it cannot be decoded, so a failure is a result and no error.
pub struct PayloadDecoder<'a> {
    pipeline: &'a Ingest,
    /// The registry, or the reason why there is none.
    registry: Result<Registry, String>,
}

/// The form in which a key or value can be displayed.
#[derive(Debug)]
pub enum PayloadView {
    /// The format has no structure: the bytes themselves are the value.
    Plain,
    /// The decoded value.
    Value(Datum),
    /// The reason why the bytes cannot be decoded.
    Undecodable(String),
}

impl<'a> PayloadDecoder<'a> {
    /// Returns the decoder of a pipeline by its identity, or `None` if the file does not have the pipeline.
    pub fn new(config: &'a Config, pipeline: &str, registry: Result<Registry, String>) -> Option<Self> {
        let pipeline = config.ingest.iter().find(|ingest| ingest.identity() == pipeline)?;
        Some(Self { pipeline, registry })
    }

    /// Decodes the key of a dead letter.
    pub async fn key(&self, dead_letter: &DeadLetter, bytes: &[u8]) -> PayloadView {
        self.decode(&self.pipeline.key, header(dead_letter, frame::KEY_HEADER), bytes).await
    }

    /// Decodes the value of a dead letter.
    pub async fn value(&self, dead_letter: &DeadLetter, bytes: &[u8]) -> PayloadView {
        self.decode(&self.pipeline.value, header(dead_letter, frame::VALUE_HEADER), bytes).await
    }

    async fn decode(
        &self,
        decoding: &Decoding,
        header: Option<SchemaHeader<'_>>,
        bytes: &[u8],
    ) -> PayloadView {
        if matches!(decoding.format, Format::String | Format::Bytes | Format::None) {
            return PayloadView::Plain;
        }
        match &self.registry {
            Ok(registry) => match decoder(decoding, registry).decode_with(header, bytes).await {
                Ok(decoded) => PayloadView::Value(decoded.value),
                Err(error) => PayloadView::Undecodable(error.to_string()),
            },
            Err(reason) => PayloadView::Undecodable(reason.clone()),
        }
    }
}

fn header<'d>(dead_letter: &'d DeadLetter, name: &'static str) -> Option<SchemaHeader<'d>> {
    let headers = dead_letter.headers.iter();
    SchemaHeader::find(headers.map(|(name, value)| (name.as_str(), value.as_deref())), name)
}
