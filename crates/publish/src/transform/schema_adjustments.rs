//! Adjustments of a table's schema for changes that are older than the table's current definition.

use std::collections::{BTreeMap, BTreeSet};

use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;

use super::schema_mismatch::{RecordedType, SchemaMismatch};

/// The adjustments of a table's schema that its earlier changes require.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaAdjustments {
    /// Columns that changes have with another type than the table, or that the table no longer has.
    other_columns: BTreeMap<String, Type>,
    /// NOT NULL columns that earlier changes do not have.
    late_columns: BTreeSet<String>,
    /// True if there are changes without whole rows.
    pub(super) has_partial_rows: bool,
}

impl SchemaAdjustments {
    /// Adds the adjustment that resolves the mismatch.
    ///
    /// # Errors
    /// Returns a mismatch that no adjustment can resolve: an unsupported type, and another key, which makes it another
    /// table.
    pub(crate) fn add(&mut self, mismatch: SchemaMismatch) -> Result<(), SchemaMismatch> {
        match mismatch {
            SchemaMismatch::UnknownColumn { column, recorded: RecordedType { ty: Some(ty), .. } }
            | SchemaMismatch::Type { column, recorded: RecordedType { ty: Some(ty), .. }, .. } => {
                self.other_columns.insert(column, ty);
            }
            SchemaMismatch::MissingColumn { column } => {
                self.late_columns.insert(column);
            }
            SchemaMismatch::PartialRow => self.has_partial_rows = true,
            mismatch @ (SchemaMismatch::UnknownColumn { .. }
            | SchemaMismatch::Type { .. }
            | SchemaMismatch::Key) => {
                return Err(mismatch);
            }
        }
        Ok(())
    }

    /// True if a column differs from the table.
    pub(crate) fn has_other_columns(&self) -> bool {
        !self.other_columns.is_empty()
    }

    /// Applies the adjustments to the table, and forgets those that the table already satisfies.
    pub(super) fn apply(&mut self, table: &mut Table) {
        self.other_columns.retain(|name, ty| table.column(name).is_none_or(|column| column.ty != *ty));
        for (name, ty) in &self.other_columns {
            match table.columns.iter_mut().find(|column| column.name == *name) {
                Some(column) => column.ty = ty.clone(),
                None => table.columns.push(nullable_column(name, ty.clone(), None)),
            }
        }
        for column in &mut table.columns {
            column.nullable |= column.key_ordinal.is_none() && self.late_columns.contains(&column.name);
        }
    }
}

/// A column of which only the name, the type and the place in the key are known.
pub(super) fn nullable_column(name: &str, ty: Type, key_ordinal: Option<usize>) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        length: None,
        nullable: true,
        generated: false,
        has_default: false,
        commit_timestamp: false,
        key_ordinal,
        key_descending: false,
    }
}
