use std::sync::Arc;

use spanbridge_config::Envelope;
use spanbridge_protocol::table::Table;
use spanbridge_schema::debezium::EnvelopeSchema;
use spanbridge_schema::derive::{self, Extent, RowSchema};
use spanbridge_schema::{Answer, Encoder, Encoding, Item, Record, Registry, Result};

use super::record_format::RecordFormat;
use super::serializer_settings::SerializerSettings;

/// What a table's records look like, in no format's words.
#[derive(Debug, Clone)]
pub(crate) struct RecordSchemas {
    pub(super) table: String,
    pub(super) topic: Arc<str>,
    pub(super) key: RowSchema,
    pub(super) before: RowSchema,
    pub(super) after: RowSchema,
    /// Absent for the envelope `row`.
    pub(super) envelope: Option<EnvelopeSchema>,
    pub(super) tombstones: bool,
    /// An update has its key as the row before it when no old values are captured: Debezium's has.
    pub(super) empty_before: bool,
    /// NOT NULL columns are required, so that updates must have them.
    pub(super) whole: bool,
}

/// What the registry would say to a schema.
#[derive(Debug)]
pub(crate) struct CompatibilityAnswer {
    pub(crate) subject: String,
    pub(crate) answer: Answer,
}

/// How keys or values are encoded, with the schema that the registry has of them.
#[derive(Debug, Clone)]
pub(crate) struct Serializer {
    encoder: Encoder,
    id: u32,
}

impl RecordSchemas {
    /// That of a table in that topic. Debezium requires no column but the key's.
    pub(crate) fn derive(table: &Table, topic: &str, whole: bool, form: &RecordFormat) -> Result<Self> {
        let extended = form.is_extended();
        let whole = whole && extended;
        let extent = if whole { Extent::Whole } else { Extent::Partial };
        let after = derive::row(table, form.style, extent)?;
        let before = match whole {
            true => derive::row(table, form.style, Extent::Before)?,
            false => after.clone(),
        };
        Ok(Self {
            table: table.name.clone(),
            topic: topic.into(),
            key: derive::key(table, form.style)?,
            envelope: match form.envelope {
                Envelope::Debezium => Some(EnvelopeSchema::new(topic, &before, &after, extended)),
                Envelope::Row => None,
            },
            before,
            after,
            tombstones: form.tombstones,
            empty_before: !extended,
            whole,
        })
    }

    pub(crate) fn key_record(&self) -> &Arc<Record> {
        self.key.record()
    }

    pub(crate) fn value_record(&self) -> &Arc<Record> {
        self.envelope.as_ref().map_or(self.after.record(), EnvelopeSchema::record)
    }

    /// The columns that a row must have.
    pub(super) fn required(&self, value: &Serializer) -> Vec<String> {
        let part = self.envelope.as_ref().map(|_| "after");
        let fields = value.encoder.record().required(part);
        let columns = self.after.columns().iter().filter(|column| fields.contains(&&*column.field));
        columns.map(|column| column.column.clone()).collect()
    }
}

impl Serializer {
    /// Registers the record's schema, as the successor of the newest under its subject.
    pub(crate) async fn register(
        coding: SerializerSettings,
        record: &Arc<Record>,
        topic: &str,
        registry: &Registry,
    ) -> Result<Self> {
        let subject = coding.subject(topic, record);
        let mut output = Self::succeeding(coding, record, &subject, registry).await?;
        if let Some((language, text)) = output.encoder.schema() {
            output.id = registry.register_text(&subject, language, text).await?;
        }
        Ok(output)
    }

    /// Asks what the registry would say to that.
    pub(crate) async fn ask(
        coding: SerializerSettings,
        record: &Arc<Record>,
        topic: &str,
        registry: &Registry,
    ) -> Result<Option<CompatibilityAnswer>> {
        let subject = coding.subject(topic, record);
        let output = Self::succeeding(coding, record, &subject, registry).await?;
        let Some((language, text)) = output.encoder.schema() else { return Ok(None) };
        let answer = registry.ask(&subject, language, text).await?;
        Ok(Some(CompatibilityAnswer { subject, answer }))
    }

    async fn succeeding(
        coding: SerializerSettings,
        record: &Arc<Record>,
        subject: &str,
        registry: &Registry,
    ) -> Result<Self> {
        let newest = if coding.has_schema() { registry.newest(subject).await? } else { None };
        let record = newest.map_or_else(|| record.clone(), |newest| Arc::new(record.succeeding(&newest)));
        Self::new(coding.encoding, record, 0)
    }

    pub(super) fn new(encoding: Encoding, record: Arc<Record>, id: u32) -> Result<Self> {
        Ok(Self { encoder: Encoder::new(encoding, record)?, id })
    }

    pub(crate) fn encode(&self, item: Item) -> Result<Vec<u8>> {
        self.encoder.encode(self.id, item)
    }

    #[cfg(test)]
    pub(super) fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}
