//! Means, which are stored with their sum and count: two means alone do not determine the mean of both.

use super::columns::NewColumns;
use super::error::AggregateError;
use super::number::{as_float, as_numeric, increase_count, stored_count};
use crate::value::{Numeric, Value};

/// The type of a mean and of its sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeanType {
    /// NUMERIC, for INT64 and NUMERIC values. The sum is exact; the quotient is rounded half away from zero.
    Numeric,
    /// FLOAT64, for any number.
    Float64,
}

/// Adds a value.
pub(super) fn add(mean: MeanType, state: &[Value], input: &Value) -> NewColumns {
    with_values(mean, state, input, 1)
}

/// Adds the sum and count of `other`, which has a sum.
pub(super) fn merge(mean: MeanType, into: &[Value], other: &[Value]) -> NewColumns {
    with_values(mean, into, &other[1], stored_count(&other[2])?)
}

/// Returns the columns with `more` more values, whose sum is `sum`.
fn with_values(mean: MeanType, state: &[Value], sum: &Value, more: i64) -> NewColumns {
    let Some([total, ..]) = increase_count(&state[2], more)? else { return Ok(None) };
    let Value::Int64(divisor @ 1..) = total else { return Err(AggregateError::Type) };
    let (quotient, sum) = match mean {
        MeanType::Numeric => {
            let before = if state[1].is_null() { Numeric::from(0) } else { as_numeric(&state[1])? };
            let sum = before.checked_add(as_numeric(sum)?).map_err(|_| AggregateError::Overflow)?;
            (Value::Numeric(divide(sum, divisor)?), Value::Numeric(sum))
        }
        MeanType::Float64 => {
            let before = if state[1].is_null() { 0.0 } else { as_float(&state[1])? };
            let sum = before + as_float(sum)?;
            (Value::from(sum / divisor as f64), Value::from(sum))
        }
    };
    Ok(Some([quotient, sum, total]))
}

/// Divides to NUMERIC's nine digits, rounded half away from zero as Spanner does.
fn divide(sum: Numeric, count: i64) -> Result<Numeric, AggregateError> {
    let (sum, count) = (sum.billionths(), i128::from(count));
    let (quotient, rest) = (sum / count, sum % count);
    let round = if rest.abs() * 2 >= count { sum.signum() } else { 0 };
    Numeric::from_unscaled(quotient + round, 9).map_err(|_| AggregateError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotient_is_rounded_half_away_from_zero() {
        for (sum, count, quotient) in [
            ("10", 4, "2.5"),
            ("1", 3, "0.333333333"),
            ("2", 3, "0.666666667"),
            ("-2", 3, "-0.666666667"),
            ("0.000000001", 2, "0.000000001"),
            ("-0.000000001", 2, "-0.000000001"),
            ("0.000000001", 3, "0"),
            ("-99999999999999999999999999999.999999999", 1, "-99999999999999999999999999999.999999999"),
        ] {
            let divided = divide(sum.parse().unwrap(), count).unwrap();
            assert_eq!(divided.to_string(), quotient, "{sum} / {count}");
        }
    }

    #[test]
    fn exact_mean_rejects_floats() {
        let state = [Value::Null, Value::Null, Value::Int64(0)];
        assert_eq!(add(MeanType::Numeric, &state, &0.5.into()), Err(AggregateError::Type));
        assert_eq!(add(MeanType::Float64, &state, &"x".into()), Err(AggregateError::Type));
    }

    #[test]
    fn negative_stored_count_is_rejected() {
        let state = [Value::Null, Value::Null, Value::Int64(-1)];
        assert_eq!(add(MeanType::Float64, &state, &1.into()), Err(AggregateError::Type));
    }
}
