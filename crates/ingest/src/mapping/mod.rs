//! The mapping from Kafka records to changes of Spanner tables.
//!
//! A pipeline's tables are compiled once against the live tables. The result, a [`Mapper`], decodes each record and
//! evaluates the expressions of the configuration file. `pipeline/` calls it for every record; `check/` compiles without
//! running. The mapping never writes to Spanner and never decides about retries: a [`MapError`] says what went wrong.
//!
//! ```text
//! compile/            configuration + live tables -> Mapper, or mistakes with their places
//! mapper              one record -> its changes in all tables
//! ├── decoding            bytes -> decoded key and value; change events are unwrapped
//! ├── table_mapping       one table: filter, tombstones
//! │   ├── row_mapping         one row per record
//! │   └── group_mapping       one row per group: key, event time, aggregate arguments
//! │       └── mapped_column       a column and its expression
//! ├── expression          a bare path or CEL, evaluated over an expression_input
//! │   ├── cel (with unreadable), mask, convert, variables
//! │   └── path_resolver       where each bare path is in each writer's schema (cached)
//! │       └── resolve_path        one path in one schema, by field_path
//! ├── constraints         cascades and unique indexes between the tables
//! └── state_lookup        the reads of stored rows that a fold needs
//! ```

mod cel;
mod compile;
mod constraints;
mod convert;
mod decoding;
mod expression;
mod expression_input;
mod field_path;
mod final_column;
mod group_mapping;
mod map_error;
mod mapped_column;
mod mapper;
mod mask;
mod path_resolver;
mod resolve_path;
mod row_mapping;
mod state_lookup;
mod table_mapping;
#[cfg(test)]
mod tests;
mod unreadable;
mod variables;

pub(crate) use compile::{check_expressions, compile};
pub(crate) use decoding::decoder;
pub(crate) use final_column::FinalColumn;
pub(crate) use map_error::MapError;
pub(crate) use mapper::Mapper;
pub(crate) use state_lookup::MAX_ROWS;
