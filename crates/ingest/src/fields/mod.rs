//! `"*"`: the fields of a record, each for the column of its name.

mod covered;
mod expand;
mod missing;
mod named;
#[cfg(test)]
mod tests;

pub(crate) use covered::Covered;
pub(crate) use expand::{Without, expand, fields};
pub(crate) use missing::{Missing, missing};
pub(crate) use named::{Named, named};

use spanbridge_config::{AllFields, Ingest, IngestTable, RowsTable};

/// Whether any table takes all fields.
pub(crate) fn any(pipeline: &Ingest) -> bool {
    tables(pipeline).next().is_some()
}

/// The tables that take all fields, by their number.
pub(crate) fn tables(pipeline: &Ingest) -> impl Iterator<Item = (usize, &RowsTable, &AllFields)> {
    let tables = pipeline.tables.iter().enumerate();
    tables.filter_map(|(at, table)| match table {
        IngestTable::Rows(rows) => rows.all.as_ref().map(|all| (at, rows, all)),
        IngestTable::Aggregates(_) => None,
    })
}
