//! The state of all functions of a table: their columns one behind the other.

use super::columns::{MAX_COLUMNS, NewColumns, replace};
use super::error::AggregateError;
use super::function::AggregateFunction;
use super::input::AggregateInput;
use crate::value::{Timestamp, Value};

/// Returns the state of a group without records.
pub(in crate::ingest) fn empty(functions: &[AggregateFunction]) -> Vec<Value> {
    functions.iter().flat_map(|function| function.empty()).collect()
}

/// Adds a record to every function, or to none. `at` is the record's event time.
///
/// # Errors
/// If a function rejects its input. The error contains the function's index, and the state is unchanged.
///
/// # Panics
/// If the state has another number of columns, or the inputs are not one for each function.
pub(in crate::ingest) fn add(
    functions: &[AggregateFunction],
    state: &mut [Value],
    inputs: &[AggregateInput],
    at: Option<Timestamp>,
) -> Result<(), (usize, AggregateError)> {
    assert_eq!(functions.len(), inputs.len(), "a record has one input for each function");
    change(functions, state, |index, function, columns, _| function.after_record(columns, &inputs[index], at))
}

/// Merges every function of `other`, which counts as newer, or none.
///
/// # Errors
/// If a function fails. The error contains the function's index, and the state is unchanged.
///
/// # Panics
/// If a state has another number of columns.
pub(in crate::ingest) fn merge(
    functions: &[AggregateFunction],
    into: &mut [Value],
    other: &[Value],
) -> Result<(), (usize, AggregateError)> {
    assert_eq!(into.len(), other.len(), "both states have the same functions");
    change(functions, into, |_, function, columns, from| {
        function.after_merge(columns, &other[from..from + columns.len()])
    })
}

/// Changes every function, or none. `step` gets the function's index, its columns and their first index.
fn change(
    functions: &[AggregateFunction],
    state: &mut [Value],
    step: impl Fn(usize, AggregateFunction, &[Value], usize) -> NewColumns,
) -> Result<(), (usize, AggregateError)> {
    let width: usize = functions.iter().map(|function| function.width()).sum();
    assert_eq!(state.len(), width, "a state has one value for each column");
    let mut changes: Vec<(usize, Option<[Value; MAX_COLUMNS]>)> = Vec::with_capacity(functions.len());
    let mut from = 0;
    for (index, function) in functions.iter().enumerate() {
        let columns = &state[from..from + function.width()];
        changes.push((from, step(index, *function, columns, from).map_err(|error| (index, error))?));
        from += function.width();
    }
    for ((from, next), function) in changes.into_iter().zip(functions) {
        replace(&mut state[from..from + function.width()], next);
    }
    Ok(())
}
