//! Differences between a change and the transform of its table.

use spanbridge_protocol::value::Type;
use spanbridge_spanner::ColumnType;

/// How a change differs from the transform of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemaMismatch {
    /// The table has no such column.
    UnknownColumn { column: String, recorded: RecordedType },
    /// The column had another type when the change was made.
    Type { column: String, expected: Type, recorded: RecordedType },
    /// A required column did not exist, or was NULL, when the change was made.
    MissingColumn { column: String },
    /// The transform requires whole rows.
    PartialRow,
    /// The primary key had other columns when the change was made.
    Key,
}

/// The type of a column in a change record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedType {
    /// Spanner's JSON of the type.
    pub(crate) json: String,
    /// `None` for a type that this version does not support.
    pub(super) ty: Option<Type>,
}

impl From<&ColumnType> for RecordedType {
    fn from(column: &ColumnType) -> Self {
        Self { json: column.json.clone(), ty: column.ty.clone() }
    }
}
