//! Serializers of keys and values, with the schemas that the registry holds for them.

use std::sync::Arc;

use spanbridge_schema::{
    Compatibility, Encoder, Encoding, FieldValue, RecordDefinition, Registry, Result, evolve,
};

use super::serializer_settings::SerializerSettings;

/// An encoder and the id of its registered schema.
#[derive(Debug, Clone)]
pub(crate) struct Serializer {
    encoder: Encoder,
    schema_id: u32,
}

/// The registry's answer to a schema that is not registered yet.
#[derive(Debug)]
pub(crate) struct RegistryAnswer {
    pub(crate) subject: String,
    pub(crate) answer: Compatibility,
}

impl Serializer {
    /// Registers the record's schema under its subject, as the successor of the newest version.
    ///
    /// # Errors
    /// Errors of the registry, and a schema that the subject's compatibility rule rejects.
    pub(crate) async fn register(
        settings: SerializerSettings,
        record: &Arc<RecordDefinition>,
        topic: &str,
        registry: &Registry,
    ) -> Result<Self> {
        let subject = settings.subject(topic, record);
        let mut serializer = Self::successor(settings, record, &subject, registry).await?;
        if let Some((language, text)) = serializer.encoder.schema() {
            serializer.schema_id = registry.register_text(&subject, language, text).await?;
        }
        Ok(serializer)
    }

    /// Asks how the registry would answer to [`Self::register`]; `None` for a format without schemas.
    ///
    /// # Errors
    /// Errors of the registry.
    pub(crate) async fn check(
        settings: SerializerSettings,
        record: &Arc<RecordDefinition>,
        topic: &str,
        registry: &Registry,
    ) -> Result<Option<RegistryAnswer>> {
        let subject = settings.subject(topic, record);
        let serializer = Self::successor(settings, record, &subject, registry).await?;
        let Some((language, text)) = serializer.encoder.schema() else { return Ok(None) };
        let answer = registry.check_compatibility(&subject, language, text).await?;
        Ok(Some(RegistryAnswer { subject, answer }))
    }

    async fn successor(
        settings: SerializerSettings,
        record: &Arc<RecordDefinition>,
        subject: &str,
        registry: &Registry,
    ) -> Result<Self> {
        let newest = if settings.has_schema() { registry.latest(subject).await? } else { None };
        let record = newest.map_or_else(|| record.clone(), |newest| Arc::new(evolve(record, &newest)));
        Self::new(settings.encoding, record, 0)
    }

    pub(super) fn new(encoding: Encoding, record: Arc<RecordDefinition>, schema_id: u32) -> Result<Self> {
        Ok(Self { encoder: Encoder::new(encoding, record)?, schema_id })
    }

    /// Serializes a key or value.
    ///
    /// # Errors
    /// An item that the schema does not accept.
    pub(crate) fn serialize(&self, item: FieldValue) -> Result<Vec<u8>> {
        self.encoder.encode(self.schema_id, item)
    }

    /// The record that the schema describes.
    pub(super) fn record(&self) -> &RecordDefinition {
        self.encoder.record()
    }

    #[cfg(test)]
    pub(super) fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}
