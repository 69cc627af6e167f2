//! The aggregate functions.

use super::average::{self, MeanType};
use super::columns::{NewColumns, replace};
use super::error::AggregateError;
use super::fraction::Fraction;
use super::input::AggregateInput;
use super::{distinct, first_last, min_max, number, quantile, sum};
use crate::value::{Timestamp, Value};

/// An aggregate over the records of a group. Functions ignore nulls, as in SQL, except for `count()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// The number of records or, with an argument, of records where the argument is not null. INT64.
    Count,
    /// The sum, as INT64, NUMERIC or FLOAT64. Exact for the first two. Null until the first value.
    Sum,
    /// The least value, of any scalar type.
    Min,
    /// The greatest value, of any scalar type.
    Max,
    /// The mean, with its sum and count as companion columns.
    Avg(MeanType),
    /// The value of the earliest event time, of any scalar type. At equal times, the one that came first.
    First,
    /// The value of the latest event time, of any scalar type. At equal times, the one that came last.
    Last,
    /// The approximate number of distinct values, as INT64, with a HyperLogLog sketch as companion column.
    ApproxDistinct,
    /// The approximate value below which this fraction of all values lies, as FLOAT64, with a t-digest as
    /// companion column.
    ApproxQuantile(Fraction),
}

impl AggregateFunction {
    /// The number of columns: the function's own, and its companions.
    pub fn width(self) -> usize {
        1 + self.companions().len()
    }

    /// The suffixes that name the companion columns after the function's column.
    pub fn companions(self) -> &'static [&'static str] {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max => &[],
            Self::Avg(_) => &["Sum", "Count"],
            Self::First | Self::Last => &["At"],
            Self::ApproxDistinct | Self::ApproxQuantile(_) => &["Sketch"],
        }
    }

    /// Returns the state of a group without records.
    pub fn empty(self) -> Vec<Value> {
        let mut state = vec![Value::Null; self.width()];
        match self {
            Self::Count | Self::ApproxDistinct => state[0] = Value::Int64(0),
            Self::Avg(_) => state[2] = Value::Int64(0),
            Self::Sum | Self::Min | Self::Max | Self::First | Self::Last | Self::ApproxQuantile(_) => {}
        }
        state
    }

    /// Adds a record to `state`. `at` is the record's event time. An error leaves the state unchanged.
    ///
    /// # Errors
    /// If the function rejects the input.
    ///
    /// # Panics
    /// If the state does not have the function's width.
    pub fn add(
        self,
        state: &mut [Value],
        input: &AggregateInput,
        at: Option<Timestamp>,
    ) -> Result<(), AggregateError> {
        replace(state, self.after_record(state, input, at)?);
        Ok(())
    }

    /// Adds everything in `other` to `into`. `other` counts as the newer of the two. An error leaves the
    /// state unchanged.
    ///
    /// # Errors
    /// If a stored state is invalid, or the result is out of range.
    ///
    /// # Panics
    /// If a state does not have the function's width.
    pub fn merge(self, into: &mut [Value], other: &[Value]) -> Result<(), AggregateError> {
        replace(into, self.after_merge(into, other)?);
        Ok(())
    }

    /// Computes the columns after a record.
    pub(super) fn after_record(
        self,
        state: &[Value],
        input: &AggregateInput,
        at: Option<Timestamp>,
    ) -> NewColumns {
        self.check_width(state);
        let value = match (self, input) {
            (_, AggregateInput::Skip | AggregateInput::Value(Value::Null)) => return Ok(None),
            (Self::Count, AggregateInput::Record | AggregateInput::Value(_)) => {
                return number::increase_count(&state[0], 1);
            }
            (_, AggregateInput::Record) => return Err(AggregateError::Type),
            (_, AggregateInput::Value(value)) => value,
        };
        match self {
            Self::Count => unreachable!("counted above"),
            Self::Sum => sum::add(&state[0], value),
            Self::Min => min_max::min(&state[0], value),
            Self::Max => min_max::max(&state[0], value),
            Self::Avg(mean) => average::add(mean, state, value),
            Self::First => first_last::first(state, value, at.ok_or(AggregateError::NoTime)?),
            Self::Last => first_last::last(state, value, at.ok_or(AggregateError::NoTime)?),
            Self::ApproxDistinct => distinct::add(state, value),
            Self::ApproxQuantile(fraction) => quantile::add(fraction, state, value),
        }
    }

    /// Computes the columns after a merge.
    pub(super) fn after_merge(self, into: &[Value], other: &[Value]) -> NewColumns {
        self.check_width(into);
        self.check_width(other);
        // All columns but counts are null until the first value.
        if other[self.presence_column()].is_null() {
            return Ok(None);
        }
        let time = || first_last::stored_time(&other[1])?.ok_or(AggregateError::NoTime);
        match self {
            Self::Count => number::increase_count(&into[0], number::stored_count(&other[0])?),
            Self::Sum => sum::add(&into[0], &other[0]),
            Self::Min => min_max::min(&into[0], &other[0]),
            Self::Max => min_max::max(&into[0], &other[0]),
            Self::Avg(mean) => average::merge(mean, into, other),
            Self::First => first_last::first(into, &other[0], time()?),
            Self::Last => first_last::last(into, &other[0], time()?),
            Self::ApproxDistinct => distinct::merge(into, other),
            Self::ApproxQuantile(fraction) => quantile::merge(fraction, into, other),
        }
    }

    /// The index of the column that is null while there is nothing to merge.
    fn presence_column(self) -> usize {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max | Self::First | Self::Last => 0,
            Self::Avg(_) | Self::ApproxDistinct | Self::ApproxQuantile(_) => 1,
        }
    }

    fn check_width(self, state: &[Value]) {
        assert_eq!(state.len(), self.width(), "a state has one value for each column");
    }
}
