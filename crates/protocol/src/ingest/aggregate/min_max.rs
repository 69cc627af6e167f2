//! The least and the greatest value.

use super::columns::{NewColumns, one_column};
use super::error::AggregateError;
use crate::value::Value;

/// Keeps the lesser of the stored and the new value.
pub(super) fn min(state: &Value, input: &Value) -> NewColumns {
    choose(state, input, |new, old| new < old)
}

/// Keeps the greater of the stored and the new value.
pub(super) fn max(state: &Value, input: &Value) -> NewColumns {
    choose(state, input, |new, old| new > old)
}

/// Keeps one of two values of the same type. The order of [`Value`] is SQL's within each scalar type.
fn choose(state: &Value, input: &Value, wins: fn(&Value, &Value) -> bool) -> NewColumns {
    if state.is_null() {
        return one_column(input.clone());
    }
    if std::mem::discriminant(state) != std::mem::discriminant(input) {
        return Err(AggregateError::Type);
    }
    if wins(input, state) { one_column(input.clone()) } else { Ok(None) }
}
