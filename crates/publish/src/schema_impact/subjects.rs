//! The registry subjects of the published tables.

use spanbridge_schema::RecordDefinition;

use super::catalog::Catalog;
use crate::transform::{RecordFormat, RecordSchemas, SerializerSettings};

/// The registry subjects of a table's schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSubjects {
    /// The table's name in Spanner's spelling.
    pub table: String,
    /// The topic of the table's records.
    pub topic: String,
    /// The subject of keys; `None` for plain JSON.
    pub key: Option<String>,
    /// The subject of values; `None` for plain JSON.
    pub value: Option<String>,
}

/// Returns the subjects of each table of which schemas can be derived.
pub(super) fn table_subjects(format: &RecordFormat, catalog: &Catalog) -> Vec<TableSubjects> {
    let (key, value) = format.serializer_settings();
    let subject = |settings: SerializerSettings, topic: &str, record: &RecordDefinition| {
        settings.has_schema().then(|| settings.subject(topic, record))
    };
    let tables = catalog.tables.values().filter_map(|entry| entry.as_ref().ok());
    let subjects = tables.filter_map(|published| {
        let (table, topic) = (&published.table, &published.topic);
        let schemas = RecordSchemas::derive(table, topic, catalog.has_whole_rows(), format).ok()?;
        Some(TableSubjects {
            table: table.name.clone(),
            topic: topic.clone(),
            key: subject(key, topic, schemas.key_record()),
            value: subject(value, topic, schemas.value_record()),
        })
    });
    subjects.collect()
}
