//! The inputs of aggregate functions.

use crate::value::Value;

/// The input of one function from one record.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregateInput {
    /// The record does not count, because the aggregate's `where` is false for it.
    Skip,
    /// The record itself, for `count()`.
    Record,
    /// The value of the function's argument.
    Value(Value),
}

impl AggregateInput {
    /// Returns the approximate size in memory in bytes, which bounds a buffer.
    pub(in crate::ingest) fn size(&self) -> usize {
        match self {
            Self::Skip | Self::Record => size_of::<Self>(),
            Self::Value(value) => value.size(),
        }
    }
}
