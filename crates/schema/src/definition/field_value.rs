//! The value of a published field, independent of a format.

use spanbridge_protocol::value::{Timestamp, Value};

/// The value of a field of a [`RecordDefinition`](crate::RecordDefinition), or of a whole record.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A column value, or null.
    Value(Value),
    /// A record: the values of its fields, in their order.
    Record(Vec<FieldValue>),
    /// A list of records.
    Records(Vec<FieldValue>),
}

impl FieldValue {
    /// Null.
    pub const NULL: Self = Self::Value(Value::Null);

    /// A string.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Value(Value::String(text.into()))
    }

    /// The milliseconds since 1970.
    pub(crate) fn millis(at: Timestamp) -> Self {
        Self::from(at.timestamp_millis())
    }

    /// The microseconds since 1970.
    pub(crate) fn micros(at: Timestamp) -> Self {
        Self::from(at.timestamp_micros())
    }

    /// The nanoseconds since 1970. Null outside the years 1677 to 2262, which 64 bits cannot hold.
    pub(crate) fn nanos(at: Timestamp) -> Self {
        Self::from(at.timestamp_nanos_opt())
    }

    /// The value, or null for `None`.
    pub(crate) fn or_null(value: Option<Self>) -> Self {
        value.unwrap_or(Self::NULL)
    }

    /// True for null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }
}

impl<T: Into<Value>> From<T> for FieldValue {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}
