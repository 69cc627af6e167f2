//! All functions of a table over one state: their columns one behind the other.

use super::{AggregateError, AggregateFunction, AggregateInput, Next, WIDEST, write};
use crate::value::{Timestamp, Value};

/// The state of a group that has no record yet.
pub(in crate::ingest) fn empty(functions: &[AggregateFunction]) -> Vec<Value> {
    functions.iter().flat_map(|function| function.empty()).collect()
}

/// Adds a record to every function, or to none: an error names the function by its place and
/// leaves the state as it is. `at` is the record's event time.
///
/// # Panics
/// If the state is not that of these functions, or there is not one input a function.
pub(in crate::ingest) fn add(
    functions: &[AggregateFunction],
    state: &mut [Value],
    inputs: &[AggregateInput],
    at: Option<Timestamp>,
) -> Result<(), (usize, AggregateError)> {
    assert_eq!(functions.len(), inputs.len(), "a record has one input a function");
    change(functions, state, |place, function, columns, _| function.added(columns, &inputs[place], at))
}

/// Adds all that `other` holds, which counts as newer, in every function or in none.
///
/// # Panics
/// If a state is not that of these functions.
pub(in crate::ingest) fn merge(
    functions: &[AggregateFunction],
    into: &mut [Value],
    other: &[Value],
) -> Result<(), (usize, AggregateError)> {
    assert_eq!(into.len(), other.len(), "both states are of the same functions");
    change(functions, into, |_, function, columns, from| {
        function.merged(columns, &other[from..from + columns.len()])
    })
}

/// `step` gets a function's place, its columns and where they start.
fn change(
    functions: &[AggregateFunction],
    state: &mut [Value],
    step: impl Fn(usize, AggregateFunction, &[Value], usize) -> Next,
) -> Result<(), (usize, AggregateError)> {
    let width: usize = functions.iter().map(|function| function.width()).sum();
    assert_eq!(state.len(), width, "a state has one value a column");
    let mut all: Vec<(usize, Option<[Value; WIDEST]>)> = Vec::with_capacity(functions.len());
    let mut from = 0;
    for (place, function) in functions.iter().enumerate() {
        let columns = &state[from..from + function.width()];
        all.push((from, step(place, *function, columns, from).map_err(|error| (place, error))?));
        from += function.width();
    }
    for ((from, next), function) in all.into_iter().zip(functions) {
        write(&mut state[from..from + function.width()], next);
    }
    Ok(())
}
