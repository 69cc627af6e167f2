//! The values of a published envelope.

use spanbridge_protocol::value::{Timestamp, Value};

use super::{EnvelopeSchema, SourceInfo};
use crate::definition::FieldValue;

/// One change, as Debezium's Spanner connector publishes it. [`EnvelopeSchema`] is its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The row before the change, from [`RowSchema::record_value`](crate::RowSchema::record_value).
    pub before: Option<FieldValue>,
    /// The row after the change.
    pub after: Option<FieldValue>,
    /// The origin of the change.
    pub source: SourceInfo,
    /// The operation on the row.
    pub op: Operation,
    /// The time at which the change was processed: `ts_ms`, `ts_us` and `ts_ns`.
    pub ts: Timestamp,
    /// The transaction block. Debezium fills it only with `provide.transaction.metadata`.
    pub transaction: Option<TransactionBlock>,
    /// The fields that are null because their columns were not captured. Only an extended envelope has them.
    pub unchanged: Option<Vec<String>>,
}

/// The operation on a row, Debezium's `Envelope.Operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The row was inserted.
    Create,
    /// The row was updated.
    Update,
    /// The row was deleted.
    Delete,
    /// The row was read by a snapshot.
    Read,
}

/// The position of an event in its transaction, Debezium's `event.block`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionBlock {
    /// The id of the transaction.
    pub id: String,
    /// The position of the event among all events of the transaction, from 1.
    pub total_order: i64,
    /// The position of the event among those of its table, from 1.
    pub data_collection_order: i64,
}

impl Operation {
    /// The value of `op`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Create => "c",
            Self::Update => "u",
            Self::Delete => "d",
            Self::Read => "r",
        }
    }
}

impl Envelope {
    /// The record of this envelope by `schema`.
    pub fn into_record_value(self, schema: &EnvelopeSchema) -> FieldValue {
        let transaction = self.transaction.map(|transaction| {
            FieldValue::Record(vec![
                FieldValue::text(transaction.id),
                FieldValue::from(transaction.total_order),
                FieldValue::from(transaction.data_collection_order),
            ])
        });
        let mut fields = vec![
            FieldValue::or_null(self.before),
            FieldValue::or_null(self.after),
            self.source.into_record_value(),
            FieldValue::text(self.op.code()),
            FieldValue::millis(self.ts),
            FieldValue::micros(self.ts),
            FieldValue::nanos(self.ts),
            FieldValue::or_null(transaction),
        ];
        if schema.is_extended() {
            let names = |names: Vec<String>| Value::Array(names.into_iter().map(Value::String).collect());
            fields.push(FieldValue::Value(self.unchanged.map_or(Value::Null, names)));
        }
        FieldValue::Record(fields)
    }
}
