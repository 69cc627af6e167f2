//! Counts, and conversions of numbers.

use super::columns::{NewColumns, one_column};
use super::error::AggregateError;
use crate::value::{Numeric, Value};

/// Returns a stored count. Null counts as zero, because the column may have been added after the row.
///
/// # Errors
/// If the value is not a count.
pub(super) fn stored_count(state: &Value) -> Result<i64, AggregateError> {
    match state {
        Value::Null => Ok(0),
        Value::Int64(count) => Ok(*count),
        _ => Err(AggregateError::Type),
    }
}

/// Increases a stored count.
///
/// # Errors
/// If the count is invalid or overflows.
pub(super) fn increase_count(state: &Value, more: i64) -> NewColumns {
    let count = stored_count(state)?.checked_add(more).ok_or(AggregateError::Overflow)?;
    one_column(count.into())
}

/// Converts a number of any type to the nearest FLOAT64.
///
/// # Errors
/// If the value is not a number.
pub(super) fn as_float(value: &Value) -> Result<f64, AggregateError> {
    match value {
        Value::Float64(value) => Ok(value.0),
        Value::Int64(value) => Ok(*value as f64),
        // The conversion of the text rounds once; a division would round twice.
        Value::Numeric(value) => value.to_string().parse().map_err(|_| AggregateError::Type),
        _ => Err(AggregateError::Type),
    }
}

/// Converts an exact number to NUMERIC.
///
/// # Errors
/// If the value is not an exact number.
pub(super) fn as_numeric(value: &Value) -> Result<Numeric, AggregateError> {
    match value {
        Value::Numeric(value) => Ok(*value),
        Value::Int64(value) => Ok(Numeric::from(*value)),
        _ => Err(AggregateError::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_nearest_float() {
        let numeric: Numeric = "0.1".parse().unwrap();
        assert_eq!(as_float(&Value::Numeric(numeric)), Ok(0.1));
        assert_eq!(as_float(&Value::Int64(i64::MAX)), Ok(9_223_372_036_854_775_808.0));
        assert_eq!(as_float(&"1".into()), Err(AggregateError::Type));
    }
}
