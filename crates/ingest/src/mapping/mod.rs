//! Records to changes: the pipeline's tables, compiled once against the live ones.

mod cel;
mod compile;
mod decoding;
mod expression;
mod final_column;
mod fit;
mod mask;
mod plan;
mod record;
mod table;
#[cfg(test)]
mod tests;
mod variables;
mod wanted;

pub(crate) use compile::{compile, expressions};
pub use decoding::decoder;
pub(crate) use expression::bare_path;
pub(crate) use final_column::FinalColumn;
pub(crate) use record::{Fault, Mapper};
pub(crate) use wanted::{MOST_ROWS, Wanted};
