use spanbridge_protocol::value::{Timestamp, Value};

/// What a field holds, in no format's words; the twin of the nodes of a [`crate::Record`].
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A value of Spanner, or null.
    Value(Value),
    /// The fields, in their order.
    Record(Vec<Item>),
    Records(Vec<Item>),
}

impl Item {
    pub const NULL: Self = Self::Value(Value::Null);

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Value(Value::String(text.into()))
    }

    pub(crate) fn millis(at: Timestamp) -> Self {
        Self::from(at.timestamp_millis())
    }

    pub(crate) fn micros(at: Timestamp) -> Self {
        Self::from(at.timestamp_micros())
    }

    /// Null outside the years 1677 to 2262, which 64 bits of nanoseconds cannot hold.
    pub(crate) fn nanos(at: Timestamp) -> Self {
        Self::from(at.timestamp_nanos_opt())
    }

    /// What is there, or null.
    pub(crate) fn maybe(item: Option<Self>) -> Self {
        item.unwrap_or(Self::NULL)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Value(Value::Null))
    }
}

impl<T: Into<Value>> From<T> for Item {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}
