use super::{AggregateError, Next, one};
use crate::value::Value;

/// The lesser of the two.
pub(super) fn least(state: &Value, input: &Value) -> Next {
    extreme(state, input, |new, old| new < old)
}

/// The greater of the two.
pub(super) fn greatest(state: &Value, input: &Value) -> Next {
    extreme(state, input, |new, old| new > old)
}

/// The order of [`Value`] is right within each scalar type.
fn extreme(state: &Value, input: &Value, wins: fn(&Value, &Value) -> bool) -> Next {
    if state.is_null() {
        return one(input.clone());
    }
    if std::mem::discriminant(state) != std::mem::discriminant(input) {
        return Err(AggregateError::Type);
    }
    if wins(input, state) { one(input.clone()) } else { Ok(None) }
}
