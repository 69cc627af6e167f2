//! Rows in memory, and the effect of mutations on them.

mod changes;
mod footprint;
mod key_set;
mod overlay;
mod plan;
mod row;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use footprint::Footprint;
pub(crate) use key_set::key_set;
pub(crate) use overlay::Overlay;
pub(crate) use plan::Plan;
pub(crate) use row::Row;
pub(crate) use rows::Rows;
