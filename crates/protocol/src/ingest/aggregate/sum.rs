use super::{AggregateError, Next, one};
use crate::value::{Float, Value};

/// The sum with `input`, which is not null.
pub(super) fn add(state: &Value, input: &Value) -> Next {
    match (state, input) {
        (Value::Null, Value::Int64(_) | Value::Numeric(_) | Value::Float64(_)) => one(input.clone()),
        (Value::Int64(a), Value::Int64(b)) => {
            one(a.checked_add(*b).map(Value::Int64).ok_or(AggregateError::Overflow)?)
        }
        (Value::Numeric(a), Value::Numeric(b)) => {
            one(a.checked_add(*b).map(Value::Numeric).map_err(|_| AggregateError::Overflow)?)
        }
        (Value::Float64(a), Value::Float64(b)) => one(Value::Float64(Float(a.0 + b.0))),
        _ => Err(AggregateError::Type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Numeric;

    #[test]
    fn a_sum_does_not_wrap() {
        let most = Value::from(i64::MAX);
        assert_eq!(add(&most, &1.into()), Err(AggregateError::Overflow));
        let most: Numeric = "99999999999999999999999999999.999999999".parse().unwrap();
        let least = Numeric::from_unscaled(1, 9).unwrap();
        assert_eq!(add(&Value::Numeric(most), &Value::Numeric(least)), Err(AggregateError::Overflow));
    }

    #[test]
    fn only_numbers_of_one_type_are_summed() {
        assert_eq!(add(&Value::Null, &true.into()), Err(AggregateError::Type));
        assert_eq!(add(&1.into(), &1.0.into()), Err(AggregateError::Type));
    }
}
