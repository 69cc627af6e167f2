//! The first and the last value by event time, which is written beside it.

use super::{AggregateError, Next, two};
use crate::value::{Timestamp, Value};

/// The earlier of the two; of two at one time, the one that is there.
pub(super) fn first(state: &[Value], input: &Value, at: Timestamp) -> Next {
    edge(state, input, at, |new, old| new < old)
}

/// The later of the two; of two at one time, the new one.
pub(super) fn last(state: &[Value], input: &Value, at: Timestamp) -> Next {
    edge(state, input, at, |new, old| new >= old)
}

/// A stored time.
pub(super) fn time(state: &Value) -> Result<Option<Timestamp>, AggregateError> {
    match state {
        Value::Null => Ok(None),
        Value::Timestamp(at) => Ok(Some(*at)),
        _ => Err(AggregateError::Type),
    }
}

fn edge(state: &[Value], input: &Value, at: Timestamp, wins: fn(Timestamp, Timestamp) -> bool) -> Next {
    match time(&state[1])? {
        Some(kept) if !wins(at, kept) => Ok(None),
        _ => two(input.clone(), Value::Timestamp(at)),
    }
}
