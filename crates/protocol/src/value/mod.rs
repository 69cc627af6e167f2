//! Values and types of Spanner columns. Values have a total order, so that they can be keys of maps.

mod column_type;
mod float;
mod numeric;

pub use column_type::Type;
pub use float::Float;
pub use numeric::{Numeric, NumericError};

/// An instant in nanoseconds, like Spanner's TIMESTAMP (years 0001 to 9999, UTC).
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A calendar day, like Spanner's DATE.
pub type Date = chrono::NaiveDate;

/// One value of a Spanner column.
///
/// The order is total and serves only as the order of maps and keys. It differs from the order of SQL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// NULL.
    Null,
    /// BOOL.
    Bool(bool),
    /// INT64.
    Int64(i64),
    /// FLOAT64, or FLOAT32 converted to it.
    Float64(Float),
    /// NUMERIC.
    Numeric(Numeric),
    /// STRING, or UUID in its canonical text form.
    String(String),
    /// BYTES.
    Bytes(Vec<u8>),
    /// DATE.
    Date(Date),
    /// TIMESTAMP.
    Timestamp(Timestamp),
    /// JSON as text.
    Json(String),
    /// ARRAY.
    Array(Vec<Value>),
    /// The commit timestamp of the transaction that writes the value, for a column with
    /// `allow_commit_timestamp = true`.
    CommitTimestamp,
}

impl Value {
    /// Returns whether the value is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the approximate size in memory in bytes, which bounds a buffer.
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
