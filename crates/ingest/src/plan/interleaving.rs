//! Tables that could be interleaved, which is for a person to decide.

use spanbridge_config::{Ingest, IngestTable};
use spanbridge_protocol::table::Table;

use super::columns;
use super::key::PrimaryKey;

/// A remark for each table to make whose key begins with that of another one of the pipeline.
pub(super) fn remarks(pipeline: &Ingest, tables: &[Option<Table>], keys: &[PrimaryKey]) -> Vec<String> {
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
                "{child}: not interleaved, though its key begins with that of {parent}: to have their rows side by side, create it \
                 by hand with INTERLEAVE IN PARENT"
            )
        })
    };
    all.iter().filter_map(of).collect()
}

fn key(mapping: &IngestTable, live: Option<&Table>, keys: &[PrimaryKey]) -> Vec<String> {
    match (mapping, live) {
        (_, Some(live)) => live.key().iter().map(|column| column.name.clone()).collect(),
        (IngestTable::Aggregates(table), None) => columns::key(table),
        (IngestTable::Rows(rows), None) => {
            let given = keys.iter().find(|key| key.table.eq_ignore_ascii_case(&rows.table));
            given.map(|key| key.columns.clone()).unwrap_or_default()
        }
    }
}
