//! One record through the mapping.

use std::sync::Arc;

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Change, Failure, Partition, Spec};
use spanbridge_protocol::value::Type;
use spanbridge_schema::debezium::{ChangeEvent, RowOperation};
use spanbridge_schema::{Datum, DecodedPayload, WriterSchema};

use super::decoding::{Content, Decoders};
use super::final_column::FinalColumn;
use super::plan::{Part, Plan, Plans};
use super::table::TableMapping;

/// Compiled: what the pipeline writes, and how records become it.
pub(crate) struct Mapper {
    pub(crate) spec: Arc<Spec>,
    /// The types of each target's columns.
    pub(crate) types: Vec<Vec<Type>>,
    pub(super) decoders: Decoders,
    /// Whether any expression reads the key.
    pub(super) uses_key: bool,
    pub(super) tables: Vec<TableMapping>,
    pub(super) plans: Plans,
    /// The columns that say which windows are final.
    pub(crate) finals: Vec<FinalColumn>,
}

/// Why a record has no changes.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is at fault itself.
    Record(Failure),
    /// The registry does not answer: the same again later.
    Unavailable(String),
    /// Only a person can mend it.
    Stop(String),
    /// It is the first of a writer whose record has fields that no column is known for.
    NewFields { target: usize, writer: Box<WriterSchema> },
}

/// What expressions see of a record.
pub(super) struct Input<'a> {
    pub(super) record: &'a Record,
    /// Nothing for a tombstone.
    pub(super) value: Option<Row<'a>>,
    pub(super) key: Key<'a>,
    /// What the change event says of the row; a row to write without one.
    pub(super) operation: RowOperation,
    /// The change event that the row was unwrapped from.
    pub(super) event: Option<&'a ChangeEvent>,
}

/// A key, and whether its fields fit; nothing to ask where it has no schema.
pub(super) struct Key<'a> {
    pub(super) value: &'a Datum,
    pub(super) plan: Option<Arc<Plan>>,
}

/// A value and where its fields stand.
pub(super) struct Row<'a> {
    pub(super) value: &'a Datum,
    pub(super) plan: Arc<Plan>,
}

impl<'a> Input<'a> {
    pub(super) fn new(
        record: &'a Record,
        content: Option<&'a Content>,
        key: &'a DecodedPayload,
        plans: &Plans,
    ) -> Self {
        let event = content.and_then(Content::event);
        let row = |content: &'a Content| Row {
            value: content.row(),
            plan: plans.plan(content.writer.as_ref(), Part::Value(event.map(ChangeEvent::row_field))),
        };
        let plan = key.writer.as_ref().map(|writer| plans.plan(Some(writer), Part::Key));
        let key = Key { value: &key.value, plan };
        let operation = event.map_or(RowOperation::Upsert, |event| event.operation);
        Self { record, value: content.map(row), key, operation, event }
    }

    pub(super) fn row(&self) -> Option<&'a Datum> {
        self.value.as_ref().map(|row| row.value)
    }
}

impl Mapper {
    /// The changes of one record: none when every table filters it out.
    pub(crate) async fn map(&self, partition: &Partition, record: &Record) -> Result<Vec<Change>, Fault> {
        let content = match &record.value {
            Some(bytes) => Some(self.decoders.value(bytes).await?),
            None => None,
        };
        let key = match &record.key {
            Some(bytes) if self.uses_key => self.decoders.key(bytes).await?,
            _ => DecodedPayload { writer: None, value: Datum::Null },
        };
        let input = Input::new(record, content.as_ref(), &key, &self.plans);
        let writer = content.as_ref().and_then(|content| content.writer.as_ref());
        let mut changes = Vec::with_capacity(self.tables.len());
        for (target, table) in self.tables.iter().enumerate() {
            let change = table.change(target, partition, &input).map_err(|failure| {
                let message = format!("{}: {}", table.name, failure.message);
                Fault::Record(Failure { code: failure.code, message })
            })?;
            if let (Some(Change::Row { .. }), Some(writer)) = (&change, writer)
                && let (Some(record), Some(row)) = (table.takes_all(), &input.value)
                && row.plan.has_new_fields(record)
            {
                return Err(Fault::NewFields { target, writer: Box::new(writer.clone()) });
            }
            changes.extend(change);
        }
        Ok(changes)
    }
}
