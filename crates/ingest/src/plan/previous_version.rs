//! The tables of the previous version, whose types and keys a new version's tables take over.

use std::collections::BTreeSet;

use spanbridge_config::{Ingest, IngestTable, Version};
use spanbridge_protocol::table::Table;

use super::primary_key::PrimaryKey;
use crate::{Environment, Error};

/// Reads the table of the nearest lower version for each table of the file. Version 1 has none.
///
/// # Errors
/// Spanner does not answer.
pub(super) async fn tables(
    environment: &Environment<'_>,
    pipeline: &Ingest,
) -> Result<Vec<Option<Table>>, Error> {
    let named = environment.config.ingest.iter().filter(|other| other.name == pipeline.name);
    let mut lower: BTreeSet<Version> = named.map(|other| other.version).collect();
    lower.insert(Version::FIRST);
    lower.retain(|version| *version < pipeline.version);
    let mut previous = Vec::with_capacity(pipeline.tables.len());
    for table in &pipeline.tables {
        let mut before = None;
        for version in lower.iter().rev() {
            if before.is_none() {
                before = environment.database.table(&version.table(pipeline.logical(table))).await?;
            }
        }
        previous.push(before);
    }
    Ok(previous)
}

/// Returns the key for a version's table: the one given for the table or for its name in the file, otherwise that of the
/// previous table if the mapping has all of its columns.
pub(super) fn primary_key(
    pipeline: &Ingest,
    table: &IngestTable,
    given: &[PrimaryKey],
    before: Option<&Table>,
) -> Option<PrimaryKey> {
    let of = |name: &str| given.iter().find(|key| key.table.eq_ignore_ascii_case(name));
    let columns = match of(table.table()).or_else(|| of(pipeline.logical(table))) {
        Some(key) => key.columns.clone(),
        None => {
            let key: Vec<String> = before?.key().into_iter().map(|column| column.name.clone()).collect();
            let is = |name: &String| table.mappings().iter().any(|it| it.column.eq_ignore_ascii_case(name));
            key.iter().all(is).then_some(key)?
        }
    };
    Some(PrimaryKey { table: table.table().to_string(), columns })
}
