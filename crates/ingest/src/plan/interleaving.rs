//! Notes about tables that could be interleaved. Only a person can decide that.

use spanbridge_config::{Ingest, IngestTable};
use spanbridge_protocol::table::Table;

use super::planned_column;
use super::primary_key::PrimaryKey;

/// Returns a note for each table to create whose key starts with the key of another table of the pipeline.
pub(super) fn notes(pipeline: &Ingest, tables: &[Option<Table>], keys: &[PrimaryKey]) -> Vec<String> {
    let with_key = |(mapping, live): (&IngestTable, &Option<Table>)| {
        (mapping.table().to_string(), key(mapping, live.as_ref(), keys), live.is_none())
    };
    let all: Vec<(String, Vec<String>, bool)> = pipeline.tables.iter().zip(tables).map(with_key).collect();
    let begins = |child: &[String], parent: &[String]| {
        !parent.is_empty()
            && parent.len() < child.len()
            && parent.iter().zip(child).all(|(one, other)| one.eq_ignore_ascii_case(other))
    };
    let of = |(child, key, is_new): &(String, Vec<String>, bool)| {
        let parent = all
            .iter()
            .filter(|(_, parent, _)| *is_new && begins(key, parent))
            .max_by_key(|(_, key, _)| key.len());
        parent.map(|(parent, ..)| {
            format!(
                "{child}: not interleaved, although its key starts with that of {parent}: to store their rows together, create it \
                 by hand with INTERLEAVE IN PARENT"
            )
        })
    };
    all.iter().filter_map(of).collect()
}

fn key(mapping: &IngestTable, live: Option<&Table>, keys: &[PrimaryKey]) -> Vec<String> {
    match (mapping, live) {
        (_, Some(live)) => live.key().iter().map(|column| column.name.clone()).collect(),
        (IngestTable::Aggregates(table), None) => planned_column::key(table),
        (IngestTable::Rows(rows), None) => {
            let given = keys.iter().find(|key| key.table.eq_ignore_ascii_case(&rows.table));
            given.map(|key| key.columns.clone()).unwrap_or_default()
        }
    }
}
