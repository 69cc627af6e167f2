//! Change records to Kafka messages.

mod capture;
mod coding;
mod form;
mod headers;
mod message;
mod origin;
mod plan;
mod row;
mod shape;
mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use capture::has_whole_rows;
pub(crate) use coding::Coding;
pub(crate) use form::Form;
pub(crate) use origin::{Arrival, Order, Origin};
pub(crate) use plan::{Learnt, Misfit, Plan, has_key_of, table_of};
pub(crate) use shape::{Asked, Output, Shape};
pub(crate) use snapshot::key_text;
