//! A decoded value, whatever format it came in.

mod canonical;
mod clock;
pub(crate) mod decimal;
mod json;
mod period;
mod record;
mod symbol;

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;
use uuid::Uuid;

pub use clock::Instant;
pub(crate) use clock::{local, time_of_day};
pub use decimal::nearest;
pub(crate) use json::Unfit;
pub use period::Period;
pub use record::{Encoded, Names, Record};
pub use symbol::Symbol;

/// One value of a record, complete in itself: no schema is needed to read it.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    /// Of an unsigned type, or beyond [`i64::MAX`].
    UInt(u64),
    Float(f32),
    Double(f64),
    /// A number of JSON that is no 64-bit integer, with the digits that it was written with.
    Number(BigDecimal),
    /// A decimal type's, with its scale.
    Decimal(BigDecimal),
    String(String),
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight; nothing keeps a producer within one day.
    Time(i64),
    /// An instant.
    Timestamp(Instant),
    /// A day and time of no known zone, as if it were UTC.
    LocalTimestamp(Instant),
    Uuid(Uuid),
    Duration(Box<Period>),
    /// An enum's symbol.
    Enum(Symbol),
    List(Vec<Datum>),
    /// Fields by position.
    Record(Record),
    /// Entries by key; all objects of JSON, and maps.
    Map(BTreeMap<String, Datum>),
}

impl Datum {
    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The field of a record or the entry of a map.
    pub fn get(&self, name: &str) -> Option<&Datum> {
        match self {
            Self::Record(record) => record.get(name),
            Self::Map(entries) => entries.get(name),
            _ => None,
        }
    }

    /// The same, taken out of it.
    pub(crate) fn take(&mut self, name: &str) -> Option<Datum> {
        match self {
            Self::Record(record) => record.get_mut(name).map(|field| std::mem::replace(field, Self::Null)),
            Self::Map(entries) => entries.remove(name),
            _ => None,
        }
    }

    /// Its type's name, for errors.
    pub fn kind(&self) -> &'static str {
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
        }
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}
