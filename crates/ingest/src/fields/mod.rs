//! `"*"`: the fields of a record, each for the column of its name.
//!
//! [`expand`] replaces each `"*"` of a pipeline by one entry per field, before the mapping is compiled.
//! [`missing_columns`] lists the fields that have no column yet. The mapping, `plan/`, `check/` and the pipeline's schema
//! evolution use this module; it runs no DDL.

mod expand;
mod mapped_fields;
mod missing_column;
mod record_field;
#[cfg(test)]
mod tests;

pub(crate) use expand::{UnmatchedFields, expand, wildcard_fields};
pub(crate) use mapped_fields::MappedFields;
pub(crate) use missing_column::{MissingColumn, missing_columns};
pub(crate) use record_field::{RecordField, newest_field, record_fields};

use spanbridge_config::{AllFields, Ingest, IngestTable, RowsTable};

/// Returns true if any table maps `"*"`.
pub(crate) fn has_wildcard(pipeline: &Ingest) -> bool {
    wildcard_tables(pipeline).next().is_some()
}

/// Returns the tables that map `"*"`, with their indexes.
pub(crate) fn wildcard_tables(pipeline: &Ingest) -> impl Iterator<Item = (usize, &RowsTable, &AllFields)> {
    let tables = pipeline.tables.iter().enumerate();
    tables.filter_map(|(at, table)| match table {
        IngestTable::Rows(rows) => rows.all.as_ref().map(|all| (at, rows, all)),
        IngestTable::Aggregates(_) => None,
    })
}
