//! Aggregate functions whose whole state is the row in Spanner: the column itself and, where that
//! is not enough, companion columns behind it.

mod average;
mod distinct;
mod first_last;
mod fraction;
mod min_max;
mod number;
mod quantile;
mod state;
mod sum;

pub use fraction::{Fraction, FractionError};
pub(super) use state::{add, empty, merge};

use crate::value::{Timestamp, Value};

/// An aggregate over the records of a group. Nulls count for none but `count()`, as in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// Records, or with an argument those where it is not null. INT64.
    Count,
    /// INT64, NUMERIC or FLOAT64, exact for the first two. Null until the first value.
    Sum,
    /// Of any scalar type, like [`Self::Max`], [`Self::First`] and [`Self::Last`].
    Min,
    Max,
    /// The mean, beside the sum and the count that it comes from.
    Avg(MeanType),
    /// The value of the least event time; of several, the one that came first.
    First,
    /// The value of the greatest event time; of several, the one that came last.
    Last,
    /// How many different values, about: INT64, beside a HyperLogLog sketch.
    ApproxDistinct,
    /// The value below which that fraction of all lies, about: FLOAT64, beside a t-digest.
    ApproxQuantile(Fraction),
}

/// The type of a mean and of its sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MeanType {
    /// Of INT64 and NUMERIC: the sum exact, the quotient rounded half away from zero.
    Numeric,
    /// Of any number.
    Float64,
}

/// What a record gives to one function.
#[derive(Debug, Clone, PartialEq)]
pub enum AggregateInput {
    /// Nothing: the aggregate's `where` does not hold for it.
    Skip,
    /// Itself, for `count()`.
    Record,
    /// The argument's value.
    Value(Value),
}

impl AggregateInput {
    /// Bytes in memory, near enough to bound a buffer.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Skip | Self::Record => size_of::<Self>(),
            Self::Value(value) => value.size(),
        }
    }
}

/// Why a record cannot be added to its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    #[error("the result leaves the range of its type")]
    Overflow,
    #[error("the value's type is not that of the aggregate")]
    Type,
    #[error("the record has no time to order it by; set the window's `time`, or give the topic timestamps")]
    NoTime,
    #[error("a quantile is of finite numbers, and the value is infinite or not a number")]
    NotFinite,
    #[error("the stored sketch cannot be read; delete the row or replay the pipeline")]
    Sketch,
}

/// Columns of a function at most.
const WIDEST: usize = 3;

/// The columns of a function after a record, those it does not have being null; none if the
/// record leaves them as they are.
type Next = Result<Option<[Value; WIDEST]>, AggregateError>;

impl AggregateFunction {
    /// How many columns: its own, then its companions.
    pub fn width(self) -> usize {
        1 + self.companions().len()
    }

    /// What is put behind the column's name to name its companions.
    pub fn companions(self) -> &'static [&'static str] {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max => &[],
            Self::Avg(_) => &["Sum", "Count"],
            Self::First | Self::Last => &["At"],
            Self::ApproxDistinct | Self::ApproxQuantile(_) => &["Sketch"],
        }
    }

    /// The state of a group that has no record yet.
    pub fn empty(self) -> Vec<Value> {
        let mut state = vec![Value::Null; self.width()];
        match self {
            Self::Count | Self::ApproxDistinct => state[0] = Value::Int64(0),
            Self::Avg(_) => state[2] = Value::Int64(0),
            Self::Sum | Self::Min | Self::Max | Self::First | Self::Last | Self::ApproxQuantile(_) => {}
        }
        state
    }

    /// Adds a record to `state`, which an error leaves as it is. `at` is the record's event time.
    ///
    /// # Panics
    /// If the state is not as wide as the function.
    pub fn add(
        self,
        state: &mut [Value],
        input: &AggregateInput,
        at: Option<Timestamp>,
    ) -> Result<(), AggregateError> {
        write(state, self.added(state, input, at)?);
        Ok(())
    }

    /// Adds to `into` all that `other` holds; an error leaves it as it is. `other` counts as the
    /// newer of the two.
    ///
    /// # Panics
    /// If a state is not as wide as the function.
    pub fn merge(self, into: &mut [Value], other: &[Value]) -> Result<(), AggregateError> {
        write(into, self.merged(into, other)?);
        Ok(())
    }

    fn added(self, state: &[Value], input: &AggregateInput, at: Option<Timestamp>) -> Next {
        self.check(state);
        let value = match (self, input) {
            (_, AggregateInput::Skip | AggregateInput::Value(Value::Null)) => return Ok(None),
            (Self::Count, AggregateInput::Record | AggregateInput::Value(_)) => {
                return number::count(&state[0], 1);
            }
            (_, AggregateInput::Record) => return Err(AggregateError::Type),
            (_, AggregateInput::Value(value)) => value,
        };
        match self {
            Self::Count => unreachable!("counted above"),
            Self::Sum => sum::add(&state[0], value),
            Self::Min => min_max::least(&state[0], value),
            Self::Max => min_max::greatest(&state[0], value),
            Self::Avg(mean) => average::add(mean, state, value),
            Self::First => first_last::first(state, value, at.ok_or(AggregateError::NoTime)?),
            Self::Last => first_last::last(state, value, at.ok_or(AggregateError::NoTime)?),
            Self::ApproxDistinct => distinct::add(state, value),
            Self::ApproxQuantile(fraction) => quantile::add(fraction, state, value),
        }
    }

    fn merged(self, into: &[Value], other: &[Value]) -> Next {
        self.check(into);
        self.check(other);
        // All but a count are null until their first value.
        if other[self.witness()].is_null() {
            return Ok(None);
        }
        match self {
            Self::Count => number::count(&into[0], number::stored_count(&other[0])?),
            Self::Sum => sum::add(&into[0], &other[0]),
            Self::Min => min_max::least(&into[0], &other[0]),
            Self::Max => min_max::greatest(&into[0], &other[0]),
            Self::Avg(mean) => average::merge(mean, into, other),
            Self::First => first_last::first(
                into,
                &other[0],
                first_last::time(&other[1])?.ok_or(AggregateError::NoTime)?,
            ),
            Self::Last => {
                first_last::last(into, &other[0], first_last::time(&other[1])?.ok_or(AggregateError::NoTime)?)
            }
            Self::ApproxDistinct => distinct::merge(into, other),
            Self::ApproxQuantile(fraction) => quantile::merge(fraction, into, other),
        }
    }

    /// Which column is null as long as there is nothing to merge.
    fn witness(self) -> usize {
        match self {
            Self::Count | Self::Sum | Self::Min | Self::Max | Self::First | Self::Last => 0,
            Self::Avg(_) | Self::ApproxDistinct | Self::ApproxQuantile(_) => 1,
        }
    }

    fn check(self, state: &[Value]) {
        assert_eq!(state.len(), self.width(), "a state has one value a column");
    }
}

/// One column's new value.
fn one(value: Value) -> Next {
    Ok(Some([value, Value::Null, Value::Null]))
}

/// Two columns' new values.
fn two(value: Value, companion: Value) -> Next {
    Ok(Some([value, companion, Value::Null]))
}

fn write(state: &mut [Value], next: Option<[Value; WIDEST]>) {
    if let Some(next) = next {
        for (column, value) in state.iter_mut().zip(next) {
            *column = value;
        }
    }
}

#[cfg(test)]
mod tests;
