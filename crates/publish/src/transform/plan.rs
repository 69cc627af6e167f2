use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use spanbridge_config::Envelope;
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Type;
use spanbridge_schema::debezium::EnvelopeSchema;
use spanbridge_schema::derive::{self, RowSchema};
use spanbridge_schema::{Registry, Result, Schema};
use spanbridge_spanner::ColumnType;

/// What a table's records look like: everything but the ids that the registry gives.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(super) table: String,
    pub(super) topic: Arc<str>,
    pub(super) columns: HashMap<String, Type>,
    pub(super) key: RowSchema,
    pub(super) row: RowSchema,
    /// Absent for the envelope `row`.
    pub(super) envelope: Option<EnvelopeSchema>,
    pub(super) tombstones: bool,
}

/// How the changes of one table become messages.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(super) shape: Shape,
    pub(super) key_id: u32,
    pub(super) value_id: u32,
    /// Columns that changes from before their removal still name.
    pub(super) gone: BTreeSet<String>,
}

/// Why a plan does not fit a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The table as it was read has no such column.
    Unknown { column: String },
    /// The column had another type when the change was made.
    Type { column: String, planned: Type, found: String },
}

impl Shape {
    /// The schemas of a table, to be registered for that topic.
    pub(crate) fn derive(table: &Table, topic: &str, envelope: Envelope, tombstones: bool) -> Result<Self> {
        let row = derive::row(table)?;
        Ok(Self {
            table: table.name.clone(),
            topic: topic.into(),
            columns: table.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect(),
            key: derive::key(table)?,
            envelope: match envelope {
                Envelope::Debezium => Some(EnvelopeSchema::new(topic, &row)?),
                Envelope::Row => None,
            },
            row,
            tombstones,
        })
    }

    pub(super) fn value_schema(&self) -> &Schema {
        self.envelope.as_ref().map_or(self.row.schema(), EnvelopeSchema::schema)
    }

    /// Registers both schemas, each after asking whether its subject's rule allows it.
    pub(crate) async fn register(self, registry: &Registry) -> Result<Plan> {
        let key_id = registry.register(&format!("{}-key", self.topic), self.key.schema()).await?;
        let value_id = registry.register(&format!("{}-value", self.topic), self.value_schema()).await?;
        Ok(Plan { shape: self, key_id, value_id, gone: BTreeSet::new() })
    }
}

impl Plan {
    /// The table's name as Spanner has it.
    pub(crate) fn table(&self) -> &str {
        &self.shape.table
    }

    /// The first of a change's columns that this plan does not know as it is.
    pub(crate) fn misfit(&self, columns: &[ColumnType]) -> Option<Misfit> {
        columns.iter().find_map(|found| match self.shape.columns.get(&found.name) {
            Some(planned) if found.ty.as_ref() == Some(planned) => None,
            Some(planned) => Some(Misfit::Type {
                column: found.name.clone(),
                planned: planned.clone(),
                found: found.json.clone(),
            }),
            None if self.gone.contains(&found.name) => None,
            None => Some(Misfit::Unknown { column: found.name.clone() }),
        })
    }

    /// This plan, leaving out a column that the table no longer has.
    pub(crate) fn without(&self, column: &str) -> Self {
        let mut plan = self.clone();
        plan.gone.insert(column.to_owned());
        plan
    }

    /// The same columns are known to be gone.
    pub(crate) fn inherit(mut self, before: &Self) -> Self {
        let gone = before.gone.iter().filter(|column| !self.shape.columns.contains_key(*column));
        self.gone = gone.cloned().collect();
        self
    }
}
