//! Decoded values, independent of the format from which they came.
//!
//! A [`Datum`] is self-contained: no schema is needed to read it. The decoders of each language create datums;
//! [`convert`](crate::convert) turns them into column values, and ingest's expressions read them. This module knows neither
//! schemas nor columns.

mod canonical_text;
pub(crate) mod decimal;
mod instant;
mod json;
mod period;
mod record;
mod symbol;

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use uuid::Uuid;

pub use canonical_text::canonical_text;
pub use decimal::nearest_double;
pub use instant::Instant;
pub(crate) use instant::{local, time_of_day};
pub(crate) use json::{JsonError, to_json};
pub use period::Period;
pub use record::{EncodedMessage, FieldNames, Record};
pub use symbol::Symbol;

/// A decoded value: a whole key or value of a Kafka record, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An integer of an unsigned type, or one beyond [`i64::MAX`].
    UInt(u64),
    /// A 32-bit float.
    Float(f32),
    /// A 64-bit float.
    Double(f64),
    /// A JSON number that is not a 64-bit integer, with the digits with which it was written.
    Number(BigDecimal),
    /// A value of a decimal type, with its scale.
    Decimal(BigDecimal),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight. A producer may exceed one day.
    Time(i64),
    /// A point in time.
    Timestamp(Instant),
    /// A date and time in an unknown zone, represented as if the zone were UTC.
    LocalTimestamp(Instant),
    /// A UUID.
    Uuid(Uuid),
    /// A length of time.
    Duration(Box<Period>),
    /// The symbol of an enum.
    Enum(Symbol),
    /// A list.
    List(Vec<Datum>),
    /// A record, whose fields have positions.
    Record(Record),
    /// A map, or a JSON object: entries by key.
    Map(BTreeMap<String, Datum>),
    /// A value that its type does not allow, such as a decimal without bytes. The text says why.
    ///
    /// It is decoded so that the record's other fields stay usable, and never converts to a column.
    Invalid(&'static str),
}

impl Datum {
    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The field of a record, or the entry of a map. `None` if there is none, and for other values.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        match self {
            Self::Record(record) => record.get(name),
            Self::Map(entries) => entries.get(name),
            _ => None,
        }
    }

    /// Takes the field out of a record, which leaves null, or the entry out of a map.
    pub(crate) fn take(&mut self, name: &str) -> Option<Datum> {
        match self {
            Self::Record(record) => record.get_mut(name).map(|field| std::mem::replace(field, Self::Null)),
            Self::Map(entries) => entries.remove(name),
            _ => None,
        }
    }

    /// The name of the value's type, for error messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::UInt(_) => "unsigned integer",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::Number(_) => "number",
            Self::Decimal(_) => "decimal",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "date",
            Self::Time(_) => "time of day",
            Self::Timestamp(_) => "timestamp",
            Self::LocalTimestamp(_) => "local timestamp",
            Self::Uuid(_) => "uuid",
            Self::Duration(_) => "duration",
            Self::Enum(_) => "enum",
            Self::List(_) => "list",
            Self::Record(_) => "record",
            Self::Map(_) => "map",
            Self::Invalid(_) => "invalid value",
        }
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
