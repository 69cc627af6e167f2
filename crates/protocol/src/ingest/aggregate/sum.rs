//! Sums.

use super::columns::{NewColumns, one_column};
use super::error::AggregateError;
use crate::value::{Float, Value};

/// Adds `input`, which is not null.
///
/// # Errors
/// If the types differ or are not numeric, or the sum overflows.
pub(super) fn add(state: &Value, input: &Value) -> NewColumns {
    match (state, input) {
        (Value::Null, Value::Int64(_) | Value::Numeric(_) | Value::Float64(_)) => one_column(input.clone()),
        (Value::Int64(a), Value::Int64(b)) => {
            one_column(a.checked_add(*b).map(Value::Int64).ok_or(AggregateError::Overflow)?)
        }
        (Value::Numeric(a), Value::Numeric(b)) => {
            one_column(a.checked_add(*b).map(Value::Numeric).map_err(|_| AggregateError::Overflow)?)
        }
        (Value::Float64(a), Value::Float64(b)) => one_column(Value::Float64(Float(a.0 + b.0))),
        _ => Err(AggregateError::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Numeric;

    #[test]
    fn sum_that_overflows_is_rejected() {
        let max = Value::from(i64::MAX);
        assert_eq!(add(&max, &1.into()), Err(AggregateError::Overflow));
        let most: Numeric = "99999999999999999999999999999.999999999".parse().unwrap();
        let least = Numeric::from_unscaled(1, 9).unwrap();
        assert_eq!(add(&Value::Numeric(most), &Value::Numeric(least)), Err(AggregateError::Overflow));
    }

    #[test]
    fn sum_of_different_types_is_rejected() {
        assert_eq!(add(&Value::Null, &true.into()), Err(AggregateError::Type));
        assert_eq!(add(&1.into(), &1.0.into()), Err(AggregateError::Type));
    }
}
