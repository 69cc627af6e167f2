//! The first and the last value by event time, which is stored in a companion column.

use super::columns::{NewColumns, two_columns};
use super::error::AggregateError;
use crate::value::{Timestamp, Value};

/// Keeps the earlier of the stored and the new value. At equal times the stored one stays.
pub(super) fn first(state: &[Value], input: &Value, at: Timestamp) -> NewColumns {
    choose(state, input, at, |new, old| new < old)
}

/// Keeps the later of the stored and the new value. At equal times the new one wins.
pub(super) fn last(state: &[Value], input: &Value, at: Timestamp) -> NewColumns {
    choose(state, input, at, |new, old| new >= old)
}

/// Returns a stored event time.
///
/// # Errors
/// If the value is not a timestamp.
pub(super) fn stored_time(state: &Value) -> Result<Option<Timestamp>, AggregateError> {
    match state {
        Value::Null => Ok(None),
        Value::Timestamp(at) => Ok(Some(*at)),
        _ => Err(AggregateError::Type),
    }
}

fn choose(
    state: &[Value],
    input: &Value,
    at: Timestamp,
    wins: fn(Timestamp, Timestamp) -> bool,
) -> NewColumns {
    match stored_time(&state[1])? {
        Some(kept) if !wins(at, kept) => Ok(None),
        _ => two_columns(input.clone(), Value::Timestamp(at)),
    }
}
