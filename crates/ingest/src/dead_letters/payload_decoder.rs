use spanbridge_config::{Config, Decoding, Format, Ingest};
use spanbridge_schema::{Datum, Registry};

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

    /// Decodes a key.
    pub async fn key(&self, bytes: &[u8]) -> PayloadView {
        self.decode(&self.pipeline.key, bytes).await
    }

    /// Decodes a value.
    pub async fn value(&self, bytes: &[u8]) -> PayloadView {
        self.decode(&self.pipeline.value, bytes).await
    }

    async fn decode(&self, decoding: &Decoding, bytes: &[u8]) -> PayloadView {
        if matches!(decoding.format, Format::String | Format::Bytes | Format::None) {
            return PayloadView::Plain;
        }
        match &self.registry {
            Ok(registry) => match decoder(decoding, registry).decode(bytes).await {
                Ok(decoded) => PayloadView::Value(decoded.value),
                Err(error) => PayloadView::Undecodable(error.to_string()),
            },
            Err(reason) => PayloadView::Undecodable(reason.clone()),
        }
    }
}
