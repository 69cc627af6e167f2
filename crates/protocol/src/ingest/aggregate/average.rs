//! A mean is written beside its sum and its count: of two means alone a third cannot be made.

use super::number::{count, float, numeric, stored_count};
use super::{AggregateError, MeanType, Next};
use crate::value::{Numeric, Value};

pub(super) fn add(mean: MeanType, state: &[Value], input: &Value) -> Next {
    with(mean, state, input, 1)
}

/// `other` has a sum.
pub(super) fn merge(mean: MeanType, into: &[Value], other: &[Value]) -> Next {
    with(mean, into, &other[1], stored_count(&other[2])?)
}

/// The columns with `count` more values whose sum is `sum`.
fn with(mean: MeanType, state: &[Value], sum: &Value, more: i64) -> Next {
    let Some([total, ..]) = count(&state[2], more)? else { return Ok(None) };
    let Value::Int64(divisor @ 1..) = total else { return Err(AggregateError::Type) };
    let (quotient, sum) = match mean {
        MeanType::Numeric => {
            let before = if state[1].is_null() { Numeric::from(0) } else { numeric(&state[1])? };
            let sum = before.checked_add(numeric(sum)?).map_err(|_| AggregateError::Overflow)?;
            (Value::Numeric(divided(sum, divisor)?), Value::Numeric(sum))
        }
        MeanType::Float64 => {
            let before = if state[1].is_null() { 0.0 } else { float(&state[1])? };
            let sum = before + float(sum)?;
            (Value::from(sum / divisor as f64), Value::from(sum))
        }
    };
    Ok(Some([quotient, sum, total]))
}

/// The quotient at NUMERIC's nine digits, half away from zero as Spanner rounds it.
fn divided(sum: Numeric, count: i64) -> Result<Numeric, AggregateError> {
    let (sum, count) = (sum.billionths(), i128::from(count));
    let (quotient, rest) = (sum / count, sum % count);
    let round = if rest.abs() * 2 >= count { sum.signum() } else { 0 };
    Numeric::from_unscaled(quotient + round, 9).map_err(|_| AggregateError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_is_rounded_half_away_from_zero() {
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
            let divided = divided(sum.parse().unwrap(), count).unwrap();
            assert_eq!(divided.to_string(), quotient, "{sum} / {count}");
        }
    }

    #[test]
    fn an_exact_mean_takes_no_float() {
        let state = [Value::Null, Value::Null, Value::Int64(0)];
        assert_eq!(add(MeanType::Numeric, &state, &0.5.into()), Err(AggregateError::Type));
        assert_eq!(add(MeanType::Float64, &state, &"x".into()), Err(AggregateError::Type));
    }

    #[test]
    fn a_stored_count_below_zero_is_refused() {
        let state = [Value::Null, Value::Null, Value::Int64(-1)];
        assert_eq!(add(MeanType::Float64, &state, &1.into()), Err(AggregateError::Type));
    }
}
