//! The errors of aggregate functions.

/// The reason why a record cannot be added to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// The result does not fit into the type of the column.
    #[error("the result leaves the range of its type")]
    Overflow,
    /// The value or the stored state has an unexpected type.
    #[error("the value's type is not that of the aggregate")]
    Type,
    /// A function that orders records by time has no event time.
    #[error("the record has no time to order it by; set the window's `time`, or give the topic timestamps")]
    NoTime,
    /// A quantile's input is infinite or not a number.
    #[error("a quantile is of finite numbers, and the value is infinite or not a number")]
    NotFinite,
    /// The stored sketch has another format.
    #[error("the stored sketch cannot be read; delete the row or replay the pipeline")]
    Sketch,
}
