use spanbridge_config::{AllFields, RowsTable};
use spanbridge_protocol::table::Table;

use super::{Covered, Named};
use crate::plan;

/// A field without a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) field: String,
    /// A newest schema has it.
    pub(crate) newest: bool,
    /// The DDL that makes its column, or why there is none.
    pub(crate) ddl: Result<String, String>,
}

/// The fields that the live table has no column for, and no entry of the file reads.
pub(crate) fn missing(rows: &RowsTable, all: &AllFields, live: &Table, fields: &[Named]) -> Vec<Missing> {
    let covered = Covered::new(rows, all, Some(live));
    let fields =
        fields.iter().filter(|field| live.column(&field.name).is_none() && !covered.has(&field.name));
    let missing = |field: &Named| Missing {
        field: field.name.clone(),
        newest: field.newest,
        ddl: plan::column_of_field(&field.name, &field.shape)
            .map(|ty| plan::add_column(&live.name, &field.name, &ty)),
    };
    fields.map(missing).collect()
}
