use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Registry, Result};
use spanbridge_spanner::{ColumnType, DataChange, ModType};

use super::headers::Headers;
use super::record_format::RecordFormat;
use super::record_schemas::{RecordSchemas, Serializer};
use super::value_capture;

/// How the changes of one table become messages.
#[derive(Debug, Clone)]
pub(crate) struct TableTransform {
    pub(super) shape: RecordSchemas,
    pub(super) key: Serializer,
    pub(super) value: Serializer,
    /// By the column's name.
    pub(super) columns: HashMap<String, Type>,
    /// Columns that are not published.
    out: BTreeSet<String>,
    pub(super) headers: Headers,
    /// The columns that a row must have.
    required: Vec<String>,
    learnt: SchemaAdjustments,
}

/// What changes have taught that the table does not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemaAdjustments {
    /// Columns that a change has otherwise than the table: of another type, or gone since.
    other: BTreeMap<String, Type>,
    /// NOT NULL columns that changes from before they were that do not have.
    late: BTreeSet<String>,
    /// There are changes without the whole row.
    partial: bool,
}

/// Why a plan does not fit a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemaMismatch {
    /// The table as it was read has no such column.
    Unknown { column: String, found: RecordedType },
    /// The column had another type when the change was made.
    Type { column: String, planned: Type, found: RecordedType },
    /// A column that the plan needs was not there, or was NULL, when the change was made.
    Late { column: String },
    /// The plan needs whole rows.
    Partial,
    /// The primary key had other columns when the change was made.
    Key,
}

/// The type of a column in a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedType {
    /// As Spanner has it.
    pub(crate) json: String,
    ty: Option<Type>,
}

impl SchemaAdjustments {
    /// Also that.
    ///
    /// # Errors
    /// A type that is not carried, and another key, which makes another table.
    pub(crate) fn learn(&mut self, misfit: SchemaMismatch) -> std::result::Result<(), SchemaMismatch> {
        match misfit {
            SchemaMismatch::Unknown { column, found: RecordedType { ty: Some(ty), .. } }
            | SchemaMismatch::Type { column, found: RecordedType { ty: Some(ty), .. }, .. } => {
                self.other.insert(column, ty);
            }
            SchemaMismatch::Late { column } => {
                self.late.insert(column);
            }
            SchemaMismatch::Partial => self.partial = true,
            misfit @ (SchemaMismatch::Unknown { .. } | SchemaMismatch::Type { .. } | SchemaMismatch::Key) => {
                return Err(misfit);
            }
        }
        Ok(())
    }

    /// Of columns that are gone, or were of another type.
    pub(crate) fn is_of_other_columns(&self) -> bool {
        !self.other.is_empty()
    }

    /// Forgets what the table says by itself, and gives it the rest.
    pub(super) fn teach(&mut self, table: &mut Table) {
        self.other.retain(|name, ty| table.column(name).is_none_or(|column| column.ty != *ty));
        for (name, ty) in &self.other {
            match table.columns.iter_mut().find(|column| column.name == *name) {
                Some(column) => column.ty = ty.clone(),
                None => table.columns.push(column(name, ty.clone(), None)),
            }
        }
        for column in &mut table.columns {
            column.nullable |= column.key_ordinal.is_none() && self.late.contains(&column.name);
        }
    }
}

impl TableTransform {
    /// The schemas of a table, registered for its topic, each after asking whether its subject's rule allows it.
    /// A table that was another one is planned with what has been learnt of it. `out` are columns that are not
    /// published, and not the table's here.
    pub(crate) async fn make(
        mut table: Table,
        out: BTreeSet<String>,
        topic: &str,
        whole: bool,
        form: &RecordFormat,
        mut learnt: SchemaAdjustments,
        registry: &Registry,
    ) -> Result<Self> {
        learnt.teach(&mut table);
        let shape = RecordSchemas::derive(&table, topic, whole && !learnt.partial, form)?;
        let key = Serializer::register(form.key, shape.key_record(), topic, registry).await?;
        let value = Serializer::register(form.value, shape.value_record(), topic, registry).await?;
        Ok(Self::new(&table, shape, key, value, form.headers.clone()).knowing(out, learnt))
    }

    pub(super) fn new(
        table: &Table,
        shape: RecordSchemas,
        key: Serializer,
        value: Serializer,
        headers: Headers,
    ) -> Self {
        let columns = table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
        let (out, learnt, required) = (BTreeSet::new(), SchemaAdjustments::default(), shape.required(&value));
        Self { shape, key, value, columns, headers, required, out, learnt }
    }

    pub(super) fn knowing(self, out: BTreeSet<String>, learnt: SchemaAdjustments) -> Self {
        Self { out, learnt, ..self }
    }

    /// The table's name as Spanner has it.
    pub(crate) fn table(&self) -> &str {
        &self.shape.table
    }

    /// What changes have taught so far.
    pub(crate) fn learnt(&self) -> &SchemaAdjustments {
        &self.learnt
    }

    pub(super) fn leaves_out(&self, column: &str) -> bool {
        self.out.contains(column)
    }

    /// The first thing in which the change is not as this plan expects it.
    pub(crate) fn misfit(&self, change: &DataChange) -> Option<SchemaMismatch> {
        let keyed = change.column_types.iter().filter(|column| column.is_primary_key).count();
        if keyed != self.shape.key.columns().len() {
            return Some(SchemaMismatch::Key);
        }
        let misfit = self.columns_misfit(&change.column_types);
        // A deletion has no row after it.
        if misfit.is_some() || change.mod_type == ModType::Delete {
            return misfit;
        }
        if self.shape.whole && !value_capture::has_whole_rows(change.value_capture_type) {
            return Some(SchemaMismatch::Partial);
        }
        let there = |column: &String| change.column_types.iter().any(|found| found.name == *column);
        let late = self.required.iter().find(|column| !there(column));
        late.map(|column| SchemaMismatch::Late { column: column.clone() })
    }

    /// A column that the plan needs and that is NULL in the change: looked for when it could not be published.
    pub(crate) fn null_misfit(&self, change: &DataChange) -> Option<SchemaMismatch> {
        let null = |values: &serde_json::Map<String, Json>| {
            self.required.iter().find(|column| values.get(*column).is_some_and(Json::is_null)).cloned()
        };
        let column = change.mods.iter().filter_map(|row| row.new_values().ok()).find_map(|row| null(&row))?;
        (!self.shape.key.columns().iter().any(|key| key.column == column))
            .then_some(SchemaMismatch::Late { column })
    }

    fn columns_misfit(&self, columns: &[ColumnType]) -> Option<SchemaMismatch> {
        columns.iter().find_map(|found| match self.columns.get(&found.name) {
            _ if found.is_primary_key != self.is_key(&found.name) => Some(SchemaMismatch::Key),
            Some(planned) if found.ty.as_ref() == Some(planned) => None,
            Some(planned) => Some(SchemaMismatch::Type {
                column: found.name.clone(),
                planned: planned.clone(),
                found: found.into(),
            }),
            None if self.leaves_out(&found.name) => None,
            None => Some(SchemaMismatch::Unknown { column: found.name.clone(), found: found.into() }),
        })
    }

    fn is_key(&self, column: &str) -> bool {
        self.shape.key.columns().iter().any(|key| key.column == column)
    }
}

impl From<&ColumnType> for RecordedType {
    fn from(column: &ColumnType) -> Self {
        Self { json: column.json.clone(), ty: column.ty.clone() }
    }
}

/// The table as far as a change tells of it: its key. NULL is allowed where the change has it.
pub(crate) fn table_of(change: &DataChange) -> Table {
    let mut keys: Vec<&ColumnType> =
        change.column_types.iter().filter(|column| column.is_primary_key).collect();
    keys.sort_by_key(|column| column.ordinal_position);
    let is_null = |name: &str| {
        let mut keys = change.mods.iter().filter_map(|row| row.keys().ok());
        keys.any(|keys| keys.get(name).is_some_and(Json::is_null))
    };
    let columns = keys.iter().zip(0..).filter_map(|(found, ordinal)| {
        let column = column(&found.name, found.ty.clone()?, Some(ordinal));
        Some(Column { nullable: is_null(&found.name), ..column })
    });
    Table { name: change.table_name.clone(), columns: columns.collect(), parent: None }
}

/// True if the table's key has the columns that the change's has.
pub(crate) fn has_key_of(table: &Table, change: &DataChange) -> bool {
    let keys = || change.column_types.iter().filter(|column| column.is_primary_key);
    let key = table.key();
    key.len() == keys().count() && keys().all(|found| key.iter().any(|column| column.name == found.name))
}

fn column(name: &str, ty: Type, key_ordinal: Option<usize>) -> Column {
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
