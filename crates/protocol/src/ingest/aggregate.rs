//! Aggregate functions whose state is the value of the Spanner column itself.

use crate::value::{Float, Value};

/// An aggregate over the records of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Records, or with an argument those where it is not null. INT64.
    Count,
    /// INT64, NUMERIC or FLOAT64, exact for the first two. Null until the first value.
    Sum,
    Min,
    Max,
}

/// Why a record cannot be added to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    #[error("the sum leaves the range of its type")]
    Overflow,
    #[error("the value's type is not that of the aggregate")]
    Type,
}

impl Function {
    /// The state of a group that has no record yet.
    pub fn empty(self) -> Value {
        match self {
            Self::Count => Value::Int64(0),
            Self::Sum | Self::Min | Self::Max => Value::Null,
        }
    }

    /// The state after one more record. `input` is `None` for `count()`, which has no argument.
    pub fn add(self, state: &Value, input: Option<&Value>) -> Result<Value, FunctionError> {
        match (self, input) {
            (Self::Count, Some(Value::Null)) => Ok(state.clone()),
            (Self::Count, _) => match state {
                Value::Int64(count) => count.checked_add(1).map(Value::Int64).ok_or(FunctionError::Overflow),
                Value::Null => Ok(Value::Int64(1)),
                _ => Err(FunctionError::Type),
            },
            (_, None | Some(Value::Null)) => Ok(state.clone()),
            (_, Some(input)) if state.is_null() => Ok(input.clone()),
            (Self::Sum, Some(input)) => sum(state, input),
            (Self::Min, Some(input)) => extreme(state, input, |new, old| new < old),
            (Self::Max, Some(input)) => extreme(state, input, |new, old| new > old),
        }
    }
}

fn sum(state: &Value, input: &Value) -> Result<Value, FunctionError> {
    match (state, input) {
        (Value::Int64(a), Value::Int64(b)) => {
            a.checked_add(*b).map(Value::Int64).ok_or(FunctionError::Overflow)
        }
        (Value::Numeric(a), Value::Numeric(b)) => {
            a.checked_add(*b).map(Value::Numeric).map_err(|_| FunctionError::Overflow)
        }
        (Value::Float64(a), Value::Float64(b)) => Ok(Value::Float64(Float(a.0 + b.0))),
        _ => Err(FunctionError::Type),
    }
}

/// The order of [`Value`] is right within each scalar type.
fn extreme(state: &Value, input: &Value, wins: fn(&Value, &Value) -> bool) -> Result<Value, FunctionError> {
    if std::mem::discriminant(state) != std::mem::discriminant(input) {
        return Err(FunctionError::Type);
    }
    Ok(if wins(input, state) { input.clone() } else { state.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fold(function: Function, inputs: &[Option<i64>]) -> Value {
        inputs
            .iter()
            .fold(function.empty(), |state, input| function.add(&state, Some(&Value::from(*input))).unwrap())
    }

    proptest! {
        #[test]
        fn folds_equal_the_plain_computation(inputs: Vec<Option<i32>>) {
            let inputs: Vec<Option<i64>> = inputs.into_iter().map(|i| i.map(i64::from)).collect();
            let present = || inputs.iter().flatten();
            prop_assert_eq!(fold(Function::Count, &inputs), Value::from(present().count() as i64));
            let sum = (present().count() > 0).then(|| present().sum::<i64>());
            prop_assert_eq!(fold(Function::Sum, &inputs), Value::from(sum));
            prop_assert_eq!(fold(Function::Min, &inputs), Value::from(present().min().copied()));
            prop_assert_eq!(fold(Function::Max, &inputs), Value::from(present().max().copied()));
        }
    }

    #[test]
    fn a_sum_does_not_wrap() {
        let most = Value::from(i64::MAX);
        assert_eq!(Function::Sum.add(&most, Some(&1.into())), Err(FunctionError::Overflow));
        assert_eq!(Function::Sum.add(&most, Some(&true.into())), Err(FunctionError::Type));
    }
}
