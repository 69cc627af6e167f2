//! The tables that a pipeline could not publish.

use std::collections::BTreeMap;

use spanbridge_schema::Encoder;

use super::catalog::Catalog;
use crate::published_table::PublishedTable;
use crate::transform::{RecordFormat, RecordSchemas};

/// Returns the reasons why tables could not be published: no schema follows from their columns, or Kafka would refuse the
/// name of their topic.
pub(super) fn unpublishable(format: &RecordFormat, catalog: &Catalog) -> Vec<String> {
    let mut reasons = Vec::new();
    // Kafka refuses a topic whose name differs from that of another one only in `.` and `_`.
    let mut topics: BTreeMap<String, (&str, &str)> = BTreeMap::new();
    for entry in catalog.tables.values() {
        let published = match entry {
            Ok(published) => published,
            Err((_, why)) => {
                reasons.push(why.clone());
                continue;
            }
        };
        let (table, topic) = (published.table.name.as_str(), published.topic.as_str());
        if let Err(error) = encoders(format, published, catalog.has_whole_rows()) {
            reasons.push(format!("table {table} cannot be published: {error}"));
        }
        let (other_table, other) = *topics.entry(topic.replace('.', "_")).or_insert((table, topic));
        if other != topic {
            reasons.push(format!(
                "tables {other_table} and {table} cannot both be published: Kafka refuses topics whose names differ only \
                 in `.` and `_`, as {other} and {topic} do"
            ));
        }
    }
    reasons
}

/// Creates the encoders of keys and values, as the service does.
fn encoders(
    format: &RecordFormat,
    published: &PublishedTable,
    whole: bool,
) -> Result<(), spanbridge_schema::Error> {
    let schemas = RecordSchemas::derive(&published.table, &published.topic, whole, format)?;
    let (key, value) = format.serializer_settings();
    Encoder::new(key.encoding, schemas.key_record().clone())?;
    Encoder::new(value.encoding, schemas.value_record().clone())?;
    Ok(())
}
