//! The sections of the file as plain structs. Each module holds one section or value, and the function that
//! reads it.
//!
//! A `read` function returns `None` after it has reported a mistake to the [`Reader`](crate::read::Reader).
//! It reads all of its keys before it returns, so that all mistakes are reported together.

pub(crate) mod aggregate;
pub(crate) mod aggregates_table;
pub(crate) mod all_fields;
pub(crate) mod commit_limits;
pub(crate) mod database;
pub(crate) mod dead_letters;
pub(crate) mod decoding;
pub(crate) mod format;
pub(crate) mod function;
mod function_call;
pub(crate) mod ingest;
pub(crate) mod ingest_table;
pub(crate) mod kafka;
pub(crate) mod listen;
pub(crate) mod mapping;
mod name_pattern;
pub(crate) mod oauth;
pub(crate) mod publish;
pub(crate) mod registry;
mod reserved;
pub(crate) mod rows_table;
pub(crate) mod spanner;
pub(crate) mod spanner_requests;
pub(crate) mod subject;
pub(crate) mod table_keys;
pub(crate) mod telemetry;
pub(crate) mod template;
pub(crate) mod topics;
pub(crate) mod version;
pub(crate) mod window;
