//! The new values of a function's columns.

use super::error::AggregateError;
use crate::value::Value;

/// The maximum number of columns of a function.
pub(super) const MAX_COLUMNS: usize = 3;

/// The columns of a function after a record, or `None` if they do not change. Columns that the function
/// does not have are null.
pub(super) type NewColumns = Result<Option<[Value; MAX_COLUMNS]>, AggregateError>;

/// Returns the new value of a function with one column.
pub(super) fn one_column(value: Value) -> NewColumns {
    Ok(Some([value, Value::Null, Value::Null]))
}

/// Returns the new values of a function with one companion column.
pub(super) fn two_columns(value: Value, companion: Value) -> NewColumns {
    Ok(Some([value, companion, Value::Null]))
}

/// Replaces the columns of a function, if they change.
pub(super) fn replace(state: &mut [Value], new: Option<[Value; MAX_COLUMNS]>) {
    if let Some(new) = new {
        for (column, value) in state.iter_mut().zip(new) {
            *column = value;
        }
    }
}
