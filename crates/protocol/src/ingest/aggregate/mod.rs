//! Aggregate functions whose whole state is the row in Spanner.
//!
//! The state of a function is its column and, where that does not suffice, companion columns behind it. So
//! nothing but the row has to be stored or recovered: "State is the row"
//! (docs/design/ingest-aggregates-and-windows.md).

mod average;
mod columns;
mod distinct;
mod error;
mod first_last;
mod fraction;
mod function;
mod input;
mod min_max;
mod number;
mod quantile;
mod state;
mod sum;

#[cfg(test)]
mod tests;

pub use average::MeanType;
pub use error::AggregateError;
pub use fraction::{Fraction, FractionError};
pub use function::AggregateFunction;
pub use input::AggregateInput;
pub(super) use state::{add, empty, merge};
