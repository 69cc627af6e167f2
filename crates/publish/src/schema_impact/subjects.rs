use spanbridge_schema::Record;

use super::{Catalog, ImpactAnalysis};
use crate::transform::{RecordSchemas, SerializerSettings};

/// Under which subjects a table's schemas are registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSubjects {
    pub table: String,
    pub topic: String,
    /// Nothing for plain JSON.
    pub key: Option<String>,
    pub value: Option<String>,
}

impl ImpactAnalysis<'_> {
    /// Those of each table of which schemas can be made.
    #[must_use]
    pub fn subjects(&self, catalog: &Catalog) -> Vec<TableSubjects> {
        let (key, value) = self.form.codings();
        let subject = |coding: SerializerSettings, topic: &str, record: &Record| {
            coding.has_schema().then(|| coding.subject(topic, record))
        };
        let tables = catalog.tables.values().filter_map(|read| read.as_ref().ok());
        let subjects = tables.filter_map(|found| {
            let shape =
                RecordSchemas::derive(&found.table, &found.topic, catalog.has_whole_rows(), &self.form)
                    .ok()?;
            Some(TableSubjects {
                table: found.table.name.clone(),
                topic: found.topic.clone(),
                key: subject(key, &found.topic, shape.key_record()),
                value: subject(value, &found.topic, shape.value_record()),
            })
        });
        subjects.collect()
    }
}
