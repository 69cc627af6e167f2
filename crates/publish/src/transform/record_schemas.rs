//! The schemas of keys and values, derived from a table.

use std::sync::Arc;

use spanbridge_config::{Envelope, RecordTimestamp};
use spanbridge_protocol::table::Table;
use spanbridge_schema::debezium::EnvelopeSchema;
use spanbridge_schema::{RecordDefinition, Result};
use spanbridge_schema::{RowImage, RowSchema};

use super::record_format::RecordFormat;

/// The schemas of one table's records, independent of the format.
#[derive(Debug, Clone)]
pub(crate) struct RecordSchemas {
    pub(super) table: String,
    pub(super) topic: Arc<str>,
    pub(super) key: RowSchema,
    pub(super) before: RowSchema,
    pub(super) after: RowSchema,
    /// `None` for the envelope `row`.
    pub(super) envelope: Option<EnvelopeSchema>,
    pub(super) tombstones: bool,
    pub(super) timestamp: RecordTimestamp,
    /// True if an update without captured old values has its key as the row before it, as in Debezium's records.
    pub(super) keeps_key_before: bool,
    /// True if NOT NULL columns are required, so that updates must contain them.
    pub(super) requires_whole_rows: bool,
}

impl RecordSchemas {
    /// Derives the schemas of a table's records in the topic. `whole` says that the change stream captures whole rows.
    /// Debezium's records require no columns except the key.
    ///
    /// # Errors
    /// A table of which no schema can be derived.
    pub(crate) fn derive(table: &Table, topic: &str, whole: bool, format: &RecordFormat) -> Result<Self> {
        let is_extended = format.is_extended();
        let requires_whole_rows = whole && is_extended;
        let extent = if requires_whole_rows { RowImage::Full } else { RowImage::Partial };
        let after = RowSchema::of_row(table, format.style, extent)?;
        let before = match requires_whole_rows {
            true => RowSchema::of_row(table, format.style, RowImage::Before)?,
            false => after.clone(),
        };
        Ok(Self {
            table: table.name.clone(),
            topic: topic.into(),
            key: RowSchema::of_key(table, format.style)?,
            envelope: match format.envelope {
                Envelope::Debezium => Some(EnvelopeSchema::new(topic, &before, &after, is_extended)),
                Envelope::Row => None,
            },
            before,
            after,
            tombstones: format.tombstones,
            timestamp: format.timestamp,
            keeps_key_before: !is_extended,
            requires_whole_rows,
        })
    }

    pub(crate) fn key_record(&self) -> &Arc<RecordDefinition> {
        self.key.record()
    }

    pub(crate) fn value_record(&self) -> &Arc<RecordDefinition> {
        self.envelope.as_ref().map_or(self.after.record(), EnvelopeSchema::record)
    }

    /// The columns that a row must have according to the registered record of values.
    pub(super) fn required_columns(&self, value: &RecordDefinition) -> Vec<String> {
        let row_field = self.envelope.as_ref().map(|_| "after");
        let fields = value.required_fields(row_field);
        let columns = self.after.columns().iter().filter(|column| fields.contains(&&*column.field));
        columns.map(|column| column.column.clone()).collect()
    }

    /// True if the column is in the key.
    pub(super) fn is_key(&self, column: &str) -> bool {
        self.key.columns().iter().any(|key| key.column == column)
    }
}
