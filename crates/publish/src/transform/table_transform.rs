//! The transform of one table: its schemas, serializers and columns.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Registry, Result};
use spanbridge_spanner::{ColumnType, DataChange, ModType};

use super::headers::Headers;
use super::record_format::RecordFormat;
use super::record_schemas::RecordSchemas;
use super::schema_adjustments::SchemaAdjustments;
use super::schema_mismatch::SchemaMismatch;
use super::serializer::Serializer;
use super::value_capture::has_whole_rows;

/// How the changes and rows of one table become messages.
#[derive(Debug, Clone)]
pub(crate) struct TableTransform {
    pub(super) schemas: RecordSchemas,
    pub(super) key: Serializer,
    pub(super) value: Serializer,
    /// The type of each published column.
    pub(super) columns: HashMap<String, Type>,
    pub(super) headers: Headers,
    /// Columns that are not published.
    excluded: BTreeSet<String>,
    /// Columns that a row must have.
    required: Vec<String>,
    adjustments: SchemaAdjustments,
}

impl TableTransform {
    /// Derives the schemas of the adjusted table and registers them for its topic, each as far as the compatibility rule
    /// of its subject allows. `excluded` are columns that are not published and not in `table`; `whole` says that the
    /// change stream captures whole rows.
    ///
    /// # Errors
    /// Errors of the registry, and a table of which no schema can be derived.
    pub(crate) async fn register(
        mut table: Table,
        excluded: BTreeSet<String>,
        topic: &str,
        whole: bool,
        format: &RecordFormat,
        mut adjustments: SchemaAdjustments,
        registry: &Registry,
    ) -> Result<Self> {
        adjustments.apply(&mut table);
        let schemas = RecordSchemas::derive(&table, topic, whole && !adjustments.has_partial_rows, format)?;
        let key = Serializer::register(format.key, schemas.key_record(), topic, registry).await?;
        let value = Serializer::register(format.value, schemas.value_record(), topic, registry).await?;
        Ok(Self::new(&table, schemas, key, value, format.headers.clone()).adjusted(excluded, adjustments))
    }

    pub(super) fn new(
        table: &Table,
        schemas: RecordSchemas,
        key: Serializer,
        value: Serializer,
        headers: Headers,
    ) -> Self {
        let columns = table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect();
        let required = schemas.required_columns(value.record());
        let (excluded, adjustments) = (BTreeSet::new(), SchemaAdjustments::default());
        Self { schemas, key, value, columns, headers, excluded, required, adjustments }
    }

    pub(super) fn adjusted(self, excluded: BTreeSet<String>, adjustments: SchemaAdjustments) -> Self {
        Self { excluded, adjustments, ..self }
    }

    /// The table's name in Spanner's spelling.
    pub(crate) fn table(&self) -> &str {
        &self.schemas.table
    }

    /// The adjustments that the schemas contain.
    pub(crate) fn adjustments(&self) -> &SchemaAdjustments {
        &self.adjustments
    }

    /// True if the column exists and is not published.
    pub(super) fn excludes(&self, column: &str) -> bool {
        self.excluded.contains(column)
    }

    /// The first difference between the change record and what this transform expects.
    pub(crate) fn mismatch(&self, change: &DataChange) -> Option<SchemaMismatch> {
        let key_columns = change.column_types.iter().filter(|column| column.is_primary_key).count();
        if key_columns != self.schemas.key.columns().len() {
            return Some(SchemaMismatch::Key);
        }
        let mismatch = self.column_mismatch(&change.column_types);
        // A deletion has no row after it, so nothing is required of that.
        if mismatch.is_some() || change.mod_type == ModType::Delete {
            return mismatch;
        }
        if self.schemas.requires_whole_rows && !has_whole_rows(change.value_capture_type) {
            return Some(SchemaMismatch::PartialRow);
        }
        let is_recorded =
            |column: &String| change.column_types.iter().any(|recorded| recorded.name == *column);
        let missing = self.required.iter().find(|column| !is_recorded(column));
        missing.map(|column| SchemaMismatch::MissingColumn { column: column.clone() })
    }

    /// The first required column that is NULL in the change. It is searched for only when the change could not be
    /// transformed, because it takes parsing all rows.
    pub(crate) fn null_mismatch(&self, change: &DataChange) -> Option<SchemaMismatch> {
        let null = |values: &Map<String, Json>| {
            self.required.iter().find(|column| values.get(*column).is_some_and(Json::is_null)).cloned()
        };
        let column = change.mods.iter().filter_map(|row| row.new_values().ok()).find_map(|row| null(&row))?;
        (!self.schemas.is_key(&column)).then_some(SchemaMismatch::MissingColumn { column })
    }

    fn column_mismatch(&self, columns: &[ColumnType]) -> Option<SchemaMismatch> {
        columns.iter().find_map(|recorded| match self.columns.get(&recorded.name) {
            _ if recorded.is_primary_key != self.schemas.is_key(&recorded.name) => Some(SchemaMismatch::Key),
            Some(expected) if recorded.ty.as_ref() == Some(expected) => None,
            Some(expected) => Some(SchemaMismatch::Type {
                column: recorded.name.clone(),
                expected: expected.clone(),
                recorded: recorded.into(),
            }),
            None if self.excludes(&recorded.name) => None,
            None => Some(SchemaMismatch::UnknownColumn {
                column: recorded.name.clone(),
                recorded: recorded.into(),
            }),
        })
    }
}
