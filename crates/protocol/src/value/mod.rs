//! A Spanner value and its type, with a total order, so that values serve as keys.

mod float;
mod numeric;
mod ty;

pub use float::Float;
pub use numeric::{Numeric, NumericError};
pub use ty::Type;

/// An instant with nanoseconds, as Spanner's TIMESTAMP (years 0001 to 9999, UTC).
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A calendar day, as Spanner's DATE.
pub type Date = chrono::NaiveDate;

/// One value of a Spanner column.
///
/// The order is total and only serves maps and keys; it is not the order of Spanner's SQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int64(i64),
    /// FLOAT64, and FLOAT32 widened.
    Float64(Float),
    Numeric(Numeric),
    /// STRING, and UUID in its canonical text form.
    String(String),
    Bytes(Vec<u8>),
    Date(Date),
    Timestamp(Timestamp),
    /// JSON as its text.
    Json(String),
    Array(Vec<Value>),
    /// The commit timestamp of the transaction that writes it
    /// (a column with `allow_commit_timestamp = true`).
    CommitTimestamp,
}

impl Value {
    /// True for SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Bytes that this value takes in memory, near enough to bound a buffer.
    pub fn size(&self) -> usize {
        let heap = match self {
            Self::String(text) | Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(items) => items.iter().map(Self::size).sum(),
            _ => 0,
        };
        size_of::<Self>() + heap
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float64(Float(value))
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
