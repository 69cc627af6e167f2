use std::sync::Arc;

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Change, Failure, KeyRange, Partition, RowKey, Spec};
use spanbridge_protocol::table::Constraints;
use spanbridge_protocol::value::Type;
use spanbridge_schema::{Datum, DecodedPayload};

use super::constraints;
use super::decoding::Decoders;
use super::expression_input::ExpressionInput;
use super::final_column::FinalColumn;
use super::map_error::MapError;
use super::path_resolver::PathResolver;
use super::state_lookup::StateLookup;
use super::table_mapping::TableMapping;

/// A compiled pipeline: the targets that it writes, and the mapping from records to changes.
pub(crate) struct Mapper {
    pub(crate) spec: Arc<Spec>,
    /// The types of each target's columns.
    pub(super) types: Vec<Vec<Type>>,
    pub(super) decoders: Decoders,
    /// True if any expression reads the key.
    pub(super) reads_key: bool,
    pub(super) tables: Vec<TableMapping>,
    pub(super) paths: PathResolver,
    /// The columns that mark final windows.
    pub(crate) final_columns: Vec<FinalColumn>,
}

impl Mapper {
    /// Adds the constraints of the database by which the order of two changes decides.
    pub(crate) fn with_constraints(self, constraints: &Constraints) -> Self {
        let unwraps = self.decoders.unwraps_changes();
        let may_delete: Vec<bool> = self.tables.iter().map(|table| table.may_delete(unwraps)).collect();
        let spec = constraints::with_constraints(Spec::clone(&self.spec), constraints, &may_delete);
        Self { spec: Arc::new(spec), ..self }
    }

    /// Returns the changes of one record. There are none if every table filters it out.
    ///
    /// # Errors
    /// The record is invalid, the registry does not answer, or the writer has new fields.
    pub(crate) async fn map(&self, partition: &Partition, record: &Record) -> Result<Vec<Change>, MapError> {
        let value = match &record.value {
            Some(bytes) => Some(self.decoders.value(record, bytes).await?),
            None => None,
        };
        let key = match &record.key {
            Some(bytes) if self.reads_key => self.decoders.key(record, bytes).await?,
            _ => DecodedPayload { writer: None, value: Datum::Null },
        };
        let input = ExpressionInput::new(record, value.as_ref(), &key, &self.paths);
        let writer = value.as_ref().and_then(|value| value.writer.as_ref());
        let mut changes = Vec::with_capacity(self.tables.len());
        for (target, table) in self.tables.iter().enumerate() {
            let change = table.change(target, partition, &input).map_err(|failure| {
                let message = format!("{}: {}", table.name, failure.message);
                MapError::Record(Failure { code: failure.code, message })
            })?;
            if let (Some(Change::Row { .. }), Some(writer)) = (&change, writer)
                && let (Some(record), Some(row)) = (table.copied_record(), &input.row)
                && row.paths.has_new_fields(record)
            {
                return Err(MapError::NewFields { target, writer: Box::new(writer.clone()) });
            }
            changes.extend(change);
        }
        Ok(changes)
    }

    /// Returns the reads for the states of these rows, at most one per target.
    pub(crate) fn state_lookups(&self, keys: &[RowKey], ranges: &[KeyRange]) -> Vec<StateLookup> {
        StateLookup::for_targets(&self.spec, &self.types, keys, ranges)
    }
}
