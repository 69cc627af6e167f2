//! Change records to Kafka messages.

mod message;
mod plan;
mod row;
#[cfg(test)]
mod tests;

pub(crate) use message::{Arrival, Origin, has_whole_rows};
pub(crate) use plan::{Misfit, Plan, Shape};
