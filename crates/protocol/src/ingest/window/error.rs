//! The errors of windows.

use crate::ingest::aggregate::AggregateError;

/// The reason why a record has no window, or cannot be added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A bound of a window does not fit into a TIMESTAMP.
    #[error("the event time, or a window that holds it, is outside the years 0001 to 9999")]
    Range,
    /// The length of a window is invalid.
    #[error("a window's length is whole milliseconds, one at least, and less than ten thousand years")]
    Size,
    /// The advance of hopping windows is invalid.
    #[error("a window advances by its size at most, and by a thousandth of it at least")]
    Advance,
    /// A function rejects the record. The number is the function's index in the table.
    #[error("{1}")]
    Function(usize, AggregateError),
}

impl From<(usize, AggregateError)> for WindowError {
    fn from((function, error): (usize, AggregateError)) -> Self {
        Self::Function(function, error)
    }
}
