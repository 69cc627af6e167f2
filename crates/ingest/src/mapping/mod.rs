//! Records to changes: the pipeline's tables, compiled once against the live ones.

mod cel;
mod compile;
#[cfg(test)]
mod compile_tests;
mod expression;
mod plan;
mod record;
mod table;
#[cfg(test)]
mod tests;
mod unsupported;

pub(crate) use compile::compile;
pub(crate) use record::{Fault, Mapper};
