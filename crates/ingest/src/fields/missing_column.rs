use spanbridge_config::{AllFields, RowsTable};
use spanbridge_protocol::table::Table;

use super::{MappedFields, RecordField};
use crate::ddl::{ColumnType, add_column, infer_field_type};

/// A field without a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingColumn {
    /// The name of the field.
    pub(crate) field: String,
    /// True if a newest schema has the field.
    pub(crate) newest: bool,
    /// The DDL that adds the column, or the reason why there is none.
    pub(crate) ddl: Result<String, String>,
}

/// Returns the fields that have no column in the live table and that no entry of the file reads.
pub(crate) fn missing_columns(
    rows: &RowsTable,
    all: &AllFields,
    live: &Table,
    fields: &[RecordField],
) -> Vec<MissingColumn> {
    let mapped = MappedFields::new(rows, all, Some(live));
    let fields =
        fields.iter().filter(|field| live.column(&field.name).is_none() && !mapped.contains(&field.name));
    let missing = |field: &RecordField| MissingColumn {
        field: field.name.clone(),
        newest: field.newest,
        ddl: infer_field_type(&field.name, &field.shape)
            .map(|ty| add_column(&live.name, &field.name, &ColumnType { ty, nullable: true, default: None })),
    };
    fields.map(missing).collect()
}
