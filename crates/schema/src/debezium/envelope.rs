use spanbridge_protocol::value::{Timestamp, Value};

use super::{EnvelopeSchema, Source};
use crate::encode::Item;

/// One change, as Debezium emits it; see [`super::EnvelopeSchema`].
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The row before ([`crate::encode::row`] with [`crate::derive::row`]).
    pub before: Option<Item>,
    /// The row after.
    pub after: Option<Item>,
    pub source: Source,
    pub op: Op,
    /// When the change was processed; `ts_ms`, `ts_us` and `ts_ns`.
    pub ts: Timestamp,
    /// Debezium's transaction block, which it fills only when asked to.
    pub transaction: Option<Transaction>,
    /// The fields that are null because they are not captured; only an extended envelope has them.
    pub unchanged: Option<Vec<String>>,
}

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Create,
    Update,
    Delete,
    /// Of a snapshot.
    Read,
}

/// Debezium's `event.block`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub id: String,
    pub total_order: i64,
    pub data_collection_order: i64,
}

impl Op {
    /// Debezium's letter.
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
    /// The fields of that schema.
    pub fn into_item(self, schema: &EnvelopeSchema) -> Item {
        let transaction = self.transaction.map(|transaction| {
            Item::Record(vec![
                Item::text(transaction.id),
                Item::from(transaction.total_order),
                Item::from(transaction.data_collection_order),
            ])
        });
        let mut fields = vec![
            Item::maybe(self.before),
            Item::maybe(self.after),
            self.source.into_item(),
            Item::text(self.op.code()),
            Item::millis(self.ts),
            Item::micros(self.ts),
            Item::nanos(self.ts),
            Item::maybe(transaction),
        ];
        if schema.is_extended() {
            let names = |names: Vec<String>| Value::Array(names.into_iter().map(Value::String).collect());
            fields.push(Item::Value(self.unchanged.map_or(Value::Null, names)));
        }
        Item::Record(fields)
    }
}
