//! What the table of a new version takes from the one before.

use std::collections::BTreeSet;

use spanbridge_config::{Ingest, IngestTable, Version};
use spanbridge_protocol::table::Table;

use super::key::PrimaryKey;
use crate::{Error, Live};

/// The table of the nearest version below, for each table of the file; nothing for version 1.
pub(super) async fn previous(live: &Live<'_>, pipeline: &Ingest) -> Result<Vec<Option<Table>>, Error> {
    let named = live.config.ingest.iter().filter(|other| other.name == pipeline.name);
    let mut lower: BTreeSet<Version> = named.map(|other| other.version).collect();
    lower.insert(Version::FIRST);
    lower.retain(|version| *version < pipeline.version);
    let mut found = Vec::with_capacity(pipeline.tables.len());
    for table in &pipeline.tables {
        let mut before = None;
        for version in lower.iter().rev() {
            if before.is_none() {
                before = live.database.table(&version.table(pipeline.logical(table))).await?;
            }
        }
        found.push(before);
    }
    Ok(found)
}

/// The key to create a version's table with: that which is given for it or for the file's name of it, otherwise that
/// of the table before, where the mapping has all of its columns.
pub(super) fn key(
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
