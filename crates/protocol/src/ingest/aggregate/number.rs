//! Counts and conversions.

use super::{AggregateError, Next, one};
use crate::value::{Numeric, Value};

/// A stored count. Null is none: the column may be younger than the row.
pub(super) fn stored_count(state: &Value) -> Result<i64, AggregateError> {
    match state {
        Value::Null => Ok(0),
        Value::Int64(count) => Ok(*count),
        _ => Err(AggregateError::Type),
    }
}

/// The count with `more`.
pub(super) fn count(state: &Value, more: i64) -> Next {
    let count = stored_count(state)?.checked_add(more).ok_or(AggregateError::Overflow)?;
    one(count.into())
}

/// The nearest FLOAT64 to a number of any type.
pub(super) fn float(value: &Value) -> Result<f64, AggregateError> {
    match value {
        Value::Float64(value) => Ok(value.0),
        Value::Int64(value) => Ok(*value as f64),
        // Through the text, which rounds once; by division it would be twice.
        Value::Numeric(value) => value.to_string().parse().map_err(|_| AggregateError::Type),
        _ => Err(AggregateError::Type),
    }
}

/// A number as a NUMERIC, unless it is a float.
pub(super) fn numeric(value: &Value) -> Result<Numeric, AggregateError> {
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
    fn the_nearest_float_is_taken() {
        let numeric: Numeric = "0.1".parse().unwrap();
        assert_eq!(float(&Value::Numeric(numeric)), Ok(0.1));
        assert_eq!(float(&Value::Int64(i64::MAX)), Ok(9_223_372_036_854_775_808.0));
        assert_eq!(float(&"1".into()), Err(AggregateError::Type));
    }
}
