//! A framed payload to an Avro value.
//!
//! apache-avro's decoder (0.22) is made for files of one's own: at the end of the input it reads a
//! missing string, boolean or union as null, it recurses as deep as the data say, and arrays of
//! empty items cost memory without costing input. So [`bounds`] walks each payload along its schema
//! first and refuses what is not exactly one datum within the limits.

mod bounds;

use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;

use crate::{Error, Kind, Registry, Result, Schema, frame};

pub use bounds::Limits;

/// Ceiling of one allocation within apache-avro, for the whole process: a second net.
const MAX_ALLOCATION: usize = 256 << 20;

/// Decodes framed payloads with the schema that each was written with.
#[derive(Debug, Clone)]
pub struct Decoder {
    registry: Registry,
    limits: Limits,
}

/// A decoded payload.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The writer's schema id.
    pub id: u32,
    /// The writer's schema.
    pub schema: Arc<Schema>,
    pub value: Value,
}

impl Decoder {
    /// A decoder with the default [`Limits`].
    pub fn new(registry: Registry) -> Self {
        Self::with_limits(registry, Limits::default())
    }

    /// A decoder with these limits.
    pub fn with_limits(registry: Registry, limits: Limits) -> Self {
        apache_avro::util::max_allocation_bytes(MAX_ALLOCATION);
        Self { registry, limits }
    }

    /// Decodes one framed payload.
    ///
    /// Fails with [`Kind::Frame`], [`Kind::Payload`], [`Kind::TooLarge`], or as
    /// [`Registry::writer_schema`] does.
    pub async fn decode(&self, bytes: &[u8]) -> Result<Decoded> {
        let (id, payload) = frame::split(bytes)?;
        let schema = self.registry.writer_schema(id).await?;
        let value = datum(&schema, payload, self.limits)
            .map_err(|error| Error::new(error.kind(), format!("schema id {id}: {error}")))?;
        Ok(Decoded { id, schema, value })
    }
}

/// Decodes exactly one datum of that schema.
pub(crate) fn datum(schema: &Schema, mut payload: &[u8], limits: Limits) -> Result<Value> {
    let resolved = schema.resolved()?;
    bounds::check(schema.avro(), resolved.get_names(), payload, limits)?;
    // The library's errors may quote the data.
    let refused = || Error::new(Kind::Payload, "the payload is not a datum of its schema");
    let value = GenericDatumReader::builder(schema.avro())
        .resolved_writer_schemata(resolved)
        .build()
        .and_then(|reader| reader.read_value(&mut payload))
        .map_err(|_| refused())?;
    if payload.is_empty() { Ok(value) } else { Err(refused()) }
}

#[cfg(test)]
mod tests;
