use apache_avro::types::Value as Avro;
use spanbridge_protocol::value::Timestamp;

use super::Source;

/// One change, as Debezium emits it; see [`super::EnvelopeSchema`].
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The row before ([`crate::encode::row`] with [`crate::derive::row`]).
    pub before: Option<Avro>,
    /// The row after.
    pub after: Option<Avro>,
    pub source: Source,
    pub op: Op,
    /// When the change was processed; `ts_ms`, `ts_us` and `ts_ns`.
    pub ts: Timestamp,
    /// Debezium's transaction block, which it fills only when asked to.
    pub transaction: Option<Transaction>,
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
    /// The Avro value for [`super::EnvelopeSchema`].
    pub fn into_avro(self) -> Avro {
        let transaction = self.transaction.map(|transaction| {
            record([
                ("id", Avro::String(transaction.id)),
                ("total_order", Avro::Long(transaction.total_order)),
                ("data_collection_order", Avro::Long(transaction.data_collection_order)),
            ])
        });
        record([
            ("before", optional(self.before)),
            ("after", optional(self.after)),
            ("source", self.source.to_avro()),
            ("op", Avro::String(self.op.code().to_owned())),
            ("ts_ms", optional(Some(Avro::Long(self.ts.timestamp_millis())))),
            ("ts_us", micros(self.ts)),
            ("ts_ns", nanos(self.ts)),
            ("transaction", optional(transaction)),
        ])
    }
}

pub(super) fn record<const N: usize>(fields: [(&str, Avro); N]) -> Avro {
    Avro::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A branch of `["null", T]`.
pub(crate) fn optional(value: Option<Avro>) -> Avro {
    match value {
        Some(value) => Avro::Union(1, Box::new(value)),
        None => Avro::Union(0, Box::new(Avro::Null)),
    }
}

pub(super) fn micros(at: Timestamp) -> Avro {
    optional(Some(Avro::Long(at.timestamp_micros())))
}

/// Null outside the years 1677 to 2262, which 64 bits of nanoseconds cannot hold.
pub(super) fn nanos(at: Timestamp) -> Avro {
    optional(at.timestamp_nanos_opt().map(Avro::Long))
}
